import { mount } from 'svelte'
import App from './App.svelte'
import type { Backend } from './backend'
import { inApp, tauri } from './backend/tauri'
import { Session } from './state/session.svelte'
import './style/base.css'

/** The backend to use. The demo is built in only for work on the page itself. */
async function findBackend(): Promise<Backend | undefined> {
  if (inApp()) return tauri
  if (import.meta.env.DEV || import.meta.env.MODE === 'demo') {
    const { demo } = await import('./backend/demo')
    const query = new URLSearchParams(location.search)
    const { pieces, base, history, pace } = Object.fromEntries(query)
    return demo({
      pieces: pieces ? Number(pieces) : undefined,
      base: base !== 'no',
      history: history !== 'no',
      pace: pace ? Number(pace) : undefined,
    })
  }
  return undefined
}

const target = document.getElementById('app')!
void findBackend().then((backend) => {
  if (backend) mount(App, { target, props: { session: new Session(backend) } })
  else target.textContent = 'Open this page inside the app The Ghost.'
})
