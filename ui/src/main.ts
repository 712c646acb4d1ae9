import { mount } from 'svelte'
import App from './App.svelte'
import type { Backend } from './backend'
import { inWindow, tauri } from './backend/tauri'
import { Session } from './state/session.svelte'
import './style/base.css'

/** The desk behind the page. The one in memory is built in only for work on the page itself. */
async function backend(): Promise<Backend | undefined> {
  if (inWindow()) return tauri
  if (import.meta.env.DEV || import.meta.env.MODE === 'demo') {
    const { demo } = await import('./backend/demo')
    const asked = new URLSearchParams(location.search)
    const { pieces, base, lived, pace } = Object.fromEntries(asked)
    return demo({
      pieces: pieces ? Number(pieces) : undefined,
      base: base !== 'no',
      lived: lived !== 'no',
      pace: pace ? Number(pace) : undefined,
    })
  }
  return undefined
}

const target = document.getElementById('app')!
void backend().then((found) => {
  if (found) mount(App, { target, props: { session: new Session(found) } })
  else target.textContent = 'This page belongs into the window of The Ghost.'
})
