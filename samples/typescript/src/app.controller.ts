import { Controller, Get } from '@nestjs/common'

@Controller()
export class AppController {
  @Get()
  hello(): { message: string; node: string } {
    return { message: 'Hello from NestJS', node: process.version }
  }
}
