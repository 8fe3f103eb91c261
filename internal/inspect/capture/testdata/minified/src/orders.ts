interface Order { id: number; items: number[] }

const discounts = new Map<number, number>([[1, 0.9]])

const arrowHotLoop = (rounds: number): number => {
  let total = 0
  for (let round = 0; round < rounds; round++) total += Math.sqrt(round * Math.random())
  return total
}

function priceOf(order: Order): number {
  const discount = discounts.get(order.id % 2) ?? 1
  const sum = order.items.reduce((subtotal, item) => {
    const rounded = Math.round(item)
    return subtotal + rounded
  }, 0)
  return sum * discount
}

class Shop {
  private orders: Order[] = []
  placeOrder(id: number): number {
    const order: Order = { id, items: [1.2, 2.7, id] }
    this.orders.push(order)
    if (this.orders.length > 100) this.orders.length = 0
    const price = priceOf(order)
    return price + arrowHotLoop(50_000)
  }
}

const shop = new Shop()
let next = 0
setInterval(() => {
  next++
  shop.placeOrder(next)
}, 5)
console.log('ready')
