export const dynamic = 'force-dynamic'

export default function Page() {
  return <p>{'Rendered by ' + process.env.WHO}</p>
}
