'use strict'
const data = JSON.parse(document.getElementById('data').textContent)
const byId = id => document.getElementById(id)
const element = (name, text, ...classes) => {
  const e = document.createElement(name)
  if (text !== undefined) e.textContent = text
  e.classList.add(...classes)
  return e
}

const isText = kind => kind === 'text' || kind === 'way'

// Values for people: bytes in units of 1000, times with the unit that fits.
const digits = n => (Math.abs(n) >= 100 ? n.toFixed(0) : Math.abs(n) >= 10 ? n.toFixed(1) : n.toFixed(2))
const inUnits = (value, units, step) => {
  let i = 0
  while (Math.abs(value) >= step && i < units.length - 1) { value /= step; i++ }
  return `${i === 0 && Number.isInteger(value) ? value : digits(value)} ${units[i]}`
}
const show = (kind, value) => {
  if (kind.startsWith('+')) return (value > 0 ? '+' : '') + show(kind.slice(1), value)
  if (kind === 'bytes') return inUnits(value, ['B', 'kB', 'MB', 'GB', 'TB'], 1000)
  if (kind === 'time') return Math.abs(value) >= 1e6 ? `${digits(value / 1e6)} s` : Math.abs(value) >= 1000 ? `${digits(value / 1000)} ms` : `${value} µs`
  if (kind === 'share') return `${(value * 100).toFixed(1)} %`
  return String(value)
}

for (const [name, value] of data.facts ?? []) {
  const pair = element('div')
  pair.append(element('dt', name), element('dd', value))
  byId('facts').append(pair)
  byId('facts').hidden = false
}
if (data.stack?.length) {
  byId('stack').textContent = data.stack.join('\n')
  byId('stack').hidden = false
}

const drawn = []
const redraw = () => drawn.forEach(draw => draw())
const theme = () => {
  const dark = getComputedStyle(document.documentElement).getPropertyValue('--paper').trim() !== '#fff'
  document.documentElement.dataset.theme = dark ? 'light' : 'dark'
  redraw()
}
byId('theme').onclick = theme

let query = ''
const tables = []
const firstRows = 50
for (const table of data.tables ?? []) {
  if (!table.rows?.length) continue
  const section = element('section')
  const rows = table.rows.slice()
  let shown = firstRows
  let sorted = -1
  let down = true
  const head = element('tr')
  const body = element('tbody')
  const more = element('button', '', 'more')
  more.type = 'button'
  const fill = () => {
    body.replaceChildren(...rows.slice(0, shown).map(row => {
      const line = element('tr')
      row.forEach((value, i) => line.append(element('td', show(table.kinds[i], value), isText(table.kinds[i]) ? 'text' : 'number')))
      if (query && row.some(value => typeof value === 'string' && value.toLowerCase().includes(query))) line.classList.add('matched')
      return line
    }))
    more.hidden = rows.length <= shown
    more.textContent = `Show ${rows.length - shown} more`
  }
  more.onclick = () => { shown = rows.length; fill() }
  const arrows = []
  table.columns.forEach((name, i) => {
    const cell = element('th', undefined, isText(table.kinds[i]) ? 'text' : 'number')
    cell.scope = 'col'
    const button = element('button', name)
    const arrow = element('span', '↕', 'arrow')
    arrow.setAttribute('aria-hidden', 'true')
    arrows.push([cell, arrow])
    button.type = 'button'
    button.onclick = () => {
      down = sorted === i ? !down : !isText(table.kinds[i])
      sorted = i
      rows.sort((a, b) => (typeof a[i] === 'string' ? a[i].localeCompare(b[i]) : a[i] - b[i]) * (down ? -1 : 1))
      arrows.forEach(([other, sign], j) => {
        sign.textContent = j !== i ? '↕' : down ? '▼' : '▲'
        if (j === i) other.setAttribute('aria-sort', down ? 'descending' : 'ascending')
        else other.removeAttribute('aria-sort')
      })
      fill()
    }
    button.append(arrow)
    cell.append(button)
    head.append(cell)
  })
  const whole = element('table')
  whole.setAttribute('aria-label', table.title)
  const top = element('thead')
  top.append(head)
  whole.append(top, body)
  const wide = element('div', undefined, 'wide')
  // What scrolls can be reached by keys.
  wide.tabIndex = 0
  wide.setAttribute('role', 'region')
  wide.setAttribute('aria-label', `Table: ${table.title}`)
  wide.append(whole)
  section.append(element('h2', table.title), wide, more)
  byId('tables').append(section)
  fill()
  tables.push(fill)
}

if (data.flame) flame(data.flame)
if (data.timeline) timeline(data.timeline)
if (data.distributions) distributions(data.distributions)

// A row for each piece of work, its bar where it was done.
function timeline({ total, rows }) {
  const section = byId('timeline')
  section.hidden = false
  const legend = element('p', undefined, 'legend')
  legend.append(element('i', undefined, 'critical'), 'the end waited for it', element('i'), 'done meanwhile, or around others', element('i', undefined, 'background'), 'in the background')
  section.append(legend)
  const list = element('div')
  list.setAttribute('role', 'list')
  for (const { subject, name, start, took, critical, background } of rows) {
    const row = element('div', undefined, 'row')
    row.setAttribute('role', 'listitem')
    const what = element('div', undefined, 'what')
    what.append(element('b', subject), name)
    const track = element('div', undefined, 'track')
    const bar = element('i')
    if (critical) bar.classList.add('critical')
    if (background) bar.classList.add('background')
    const share = value => `${(100 * value) / Math.max(1, total)}%`
    bar.style.left = share(start)
    bar.style.width = share(took)
    const text = element('span', show('time', took))
    // It stands where there is more room.
    if (start + took > total * 0.85) text.style.right = share(total - start)
    else text.style.left = share(start + took)
    track.append(bar, text)
    row.append(what, track)
    list.append(row)
  }
  section.append(list)
}

// Two curves a request: which share of its measurements was at most so much.
function distributions(list) {
  const svg = (name, attributes, text) => {
    const e = document.createElementNS('http://www.w3.org/2000/svg', name)
    for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value)
    if (text !== undefined) e.textContent = text
    return e
  }
  const width = 560
  const height = 180
  const edge = { left: 44, right: 12, top: 10, bottom: 26 }
  for (const { title, kind, before, after } of list) {
    const all = [...(before ?? []), ...(after ?? [])]
    if (!all.length) continue
    const low = Math.min(...all)
    const high = Math.max(...all)
    const room = Math.max((high - low) * 0.05, Math.abs(high) * 0.001, 1e-9)
    const x = value => edge.left + ((value - low + room) / (high - low + 2 * room)) * (width - edge.left - edge.right)
    const y = share => height - edge.bottom - share * (height - edge.top - edge.bottom)
    const steps = values => values.reduce((path, value, i) => `${path}H${x(value).toFixed(1)}V${y((i + 1) / values.length).toFixed(1)}`, `M${edge.left} ${y(0)}`) + `H${width - edge.right}`
    const drawing = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${title}, before and after` })
    for (const share of [0, 0.5, 1]) {
      drawing.append(svg('line', { x1: edge.left, x2: width - edge.right, y1: y(share), y2: y(share), class: 'grid' }))
      drawing.append(svg('text', { x: edge.left - 6, y: y(share) + 4, class: 'end' }, `${share * 100} %`))
    }
    drawing.append(svg('text', { x: x(low), y: height - 8 }, show(kind, Math.round(low))))
    drawing.append(svg('text', { x: x(high), y: height - 8, class: 'end' }, show(kind, Math.round(high))))
    if (before?.length) drawing.append(svg('path', { d: steps(before), class: 'before' }))
    if (after?.length) drawing.append(svg('path', { d: steps(after), class: 'after' }))
    const figure = element('figure')
    const caption = element('figcaption', `${title} `)
    caption.append(element('span', 'before', 'before'), ' ', element('span', 'after', 'after'))
    figure.append(caption, drawing)
    byId('distributions').append(figure)
    byId('distributions').hidden = false
  }
}

function flame({ unit, total, frames, frame, depth, start, value, before }) {
  const kind = unit === 'bytes' ? 'bytes' : 'time'
  const row = 19
  const canvas = byId('canvas')
  const paint = canvas.getContext('2d')
  const rows = depth.reduce((a, b) => Math.max(a, b), 0) + 1
  // The boxes of each row, from left to right, so that one below the pointer is found at once.
  const boxes = Array.from({ length: rows }, () => [])
  depth.forEach((d, i) => boxes[d].push(i))
  boxes.forEach(list => list.sort((a, b) => start[a] - start[b]))
  let zoom = 0
  let selected = -1
  let matches = new Set()
  byId('flame').hidden = false

  const hue = name => {
    let h = 0
    for (const c of name) h = (h * 31 + c.codePointAt(0)) >>> 0
    return h % 360
  }
  const hues = frames.map(f => hue(f.package))
  const dark = () => getComputedStyle(document.documentElement).getPropertyValue('--paper').trim() !== '#fff'
  const color = (i, isDark) => {
    if (matches.has(frame[i])) return isDark ? '#b03fa6' : '#f29be9'
    if (!before) return `hsl(${hues[frame[i]]} ${isDark ? '38% 34%' : '62% 80%'})`
    // Red has grown, blue has shrunk.
    const change = (value[i] - before[i]) / Math.max(value[i], before[i], 1)
    const strength = Math.min(1, Math.abs(change))
    return change >= 0 ? `hsl(4 ${70 * strength}% ${isDark ? 36 : 88 - 20 * strength}%)` : `hsl(212 ${70 * strength}% ${isDark ? 36 : 88 - 20 * strength}%)`
  }

  const sample = (text, ...colours) => {
    const box = element('i')
    box.style.background = colours.length > 1 ? `linear-gradient(90deg, ${colours.join(', ')})` : colours[0]
    byId('colours').append(box, text)
  }
  const explain = () => {
    const isDark = dark()
    byId('colours').replaceChildren()
    if (before) {
      sample('it grew', `hsl(4 70% ${isDark ? 36 : 68}%)`)
      sample('it shrank', `hsl(212 70% ${isDark ? 36 : 68}%)`)
    } else {
      const hues = [210, 100, 30]
      sample('one colour for each package', ...hues.map(hue => `hsl(${hue} ${isDark ? '38% 34%' : '62% 80%'})`))
    }
    sample('found', isDark ? '#b03fa6' : '#f29be9')
  }

  const scale = () => canvas.clientWidth / Math.max(1, value[zoom])
  const left = i => (start[i] - start[zoom]) * scale()
  const within = i => start[i] >= start[zoom] && start[i] + value[i] <= start[zoom] + value[zoom]
  const above = i => depth[i] < depth[zoom] && start[i] <= start[zoom] && start[i] + value[i] >= start[zoom] + value[zoom]

  const draw = () => {
    const width = canvas.clientWidth
    const ratio = window.devicePixelRatio || 1
    canvas.width = width * ratio
    canvas.height = rows * row * ratio
    canvas.style.height = `${rows * row}px`
    paint.setTransform(ratio, 0, 0, ratio, 0, 0)
    const isDark = dark()
    const ink = isDark ? '#eef2f7' : '#1d2430'
    paint.clearRect(0, 0, width, rows * row)
    paint.font = '12px ui-monospace, monospace'
    paint.textBaseline = 'middle'
    boxes.forEach((list, d) => {
      for (const i of list) {
        const parent = above(i)
        if (!parent && !(d >= depth[zoom] && within(i))) continue
        const x = parent ? 0 : left(i)
        const w = parent ? width : value[i] * scale()
        if (w < 0.4) continue
        paint.globalAlpha = parent ? 0.5 : 1
        paint.fillStyle = color(i, isDark)
        paint.fillRect(x, d * row, Math.max(0.6, w - 1), row - 1)
        if (i === selected) {
          paint.strokeStyle = ink
          paint.lineWidth = 2
          paint.strokeRect(x + 1, d * row + 1, Math.max(1, w - 3), row - 3)
        }
        if (w > 28) {
          paint.fillStyle = ink
          const fits = Math.floor((w - 8) / 7.3)
          const name = frames[frame[i]].name
          paint.fillText(name.length > fits ? `${name.slice(0, Math.max(1, fits - 1))}…` : name, x + 4, d * row + row / 2)
        }
      }
    })
    paint.globalAlpha = 1
  }

  const describe = i => {
    const f = frames[frame[i]]
    const change = before ? `, before ${show(kind, before[i])} (${show('+' + kind, value[i] - before[i])})` : ''
    return `${f.name}${f.place ? ` — ${f.place}` : ''}\n${show(kind, value[i])}, ${show('share', value[i] / Math.max(1, total))}${change}`
  }
  const tell = () => { byId('status').textContent = describe(selected >= 0 ? selected : zoom).replace('\n', '   ') }
  const go = i => {
    zoom = i
    byId('reset').hidden = zoom === 0
    draw()
    tell()
  }
  const at = event => {
    const box = canvas.getBoundingClientRect()
    const x = event.clientX - box.left
    const d = Math.floor((event.clientY - box.top) / row)
    for (const i of boxes[d] ?? []) {
      if (above(i)) return i
      if (d >= depth[zoom] && within(i) && left(i) <= x && x < left(i) + value[i] * scale()) return i
    }
    return -1
  }

  canvas.onclick = event => {
    const i = at(event)
    if (i >= 0) { selected = i; go(i) }
  }
  canvas.onmousemove = event => {
    const i = at(event)
    const tip = byId('tip')
    tip.hidden = i < 0
    if (i < 0) return
    tip.textContent = describe(i)
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8))}px`
    tip.style.top = `${Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8)}px`
  }
  canvas.onmouseleave = () => { byId('tip').hidden = true }
  byId('reset').onclick = () => go(0)

  const parentOf = i => boxes[depth[i] - 1]?.find(p => start[p] <= start[i] && start[p] + value[p] >= start[i] + value[i]) ?? i
  const move = {
    ArrowUp: i => parentOf(i),
    ArrowDown: i => boxes[depth[i] + 1]?.find(c => start[c] >= start[i] && start[c] < start[i] + value[i]) ?? i,
    ArrowLeft: i => boxes[depth[i]][Math.max(0, boxes[depth[i]].indexOf(i) - 1)],
    ArrowRight: i => boxes[depth[i]][Math.min(boxes[depth[i]].length - 1, boxes[depth[i]].indexOf(i) + 1)],
  }
  canvas.onkeydown = event => {
    if (move[event.key]) {
      event.preventDefault()
      selected = move[event.key](selected < 0 ? zoom : selected)
      draw()
      tell()
    } else if (event.key === 'Enter' && selected >= 0) {
      go(selected)
    } else if (event.key === 'Escape') {
      back()
    } else if (event.key === '/') {
      // Single keys are shortcuts here alone: WCAG 2.1.4.
      event.preventDefault()
      byId('search').focus()
    } else if (event.key === 't') {
      theme()
    }
  }
  const back = () => {
    byId('search').value = ''
    search()
    go(zoom === 0 ? 0 : parentOf(zoom))
  }
  byId('search').onkeydown = event => {
    if (event.key === 'Escape') back()
  }

  const search = () => {
    query = byId('search').value.trim().toLowerCase()
    matches = new Set(query ? frames.flatMap((f, i) => (`${f.name} ${f.place} ${f.package}`.toLowerCase().includes(query) ? [i] : [])) : [])
    // A box within a matching one is counted with it.
    let sum = 0
    let until = -1
    let deep = -1
    frame.forEach((f, i) => {
      if (depth[i] <= deep && start[i] >= until) deep = -1
      if (matches.has(f) && (deep < 0 || start[i] >= until)) {
        sum += value[i]
        until = start[i] + value[i]
        deep = depth[i]
      }
    })
    byId('matched').textContent = query ? `${matches.size} functions, ${show('share', sum / Math.max(1, total))}` : ''
    draw()
    tables.forEach(fill => fill())
  }
  byId('search').oninput = search
  addEventListener('resize', draw)
  drawn.push(draw, explain)
  draw()
  explain()
  tell()
}
