// The adapters, and which one is in use.

import type { Backend } from '../backend'
import type { AdapterView, Event as DeskEvent, AdapterList } from '../wire'
import type { Notices } from './notices.svelte'

export class Adapters {
  view = $state<AdapterList>()
  /** The adapter that a command is changing; 0 is the base model. */
  busy = $state<number>()
  /** The adapter that is being evaluated. */
  evaluating = $state<number>()
  /** Progress of that evaluation, from 0 to 1. */
  progress = $state<number>()

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
    private readonly refreshDesk: () => Promise<unknown>,
  ) {}

  /** What was in use before, in words; `undefined` if nothing was. */
  readonly previous = $derived(
    this.view?.previous == null
      ? undefined
      : this.view.previous === 0
        ? 'the base model'
        : `adapter ${this.view.previous}`,
  )

  async load(): Promise<void> {
    const view = await this.notices.attempt('adapters', () => this.backend.call('adapter_list', {}))
    if (view) this.view = view
  }

  /** Starts using an adapter; 0 is the base model. */
  promote(adapter: number): Promise<void> {
    return this.#change(adapter, () => this.backend.call('adapter_promote', { adapter }))
  }

  retire(adapter: number): Promise<void> {
    return this.#change(adapter, () => this.backend.call('adapter_retire', { adapter }))
  }

  rollBack(): Promise<void> {
    return this.#change(this.view?.active ?? 0, () => this.backend.call('adapter_rollback', {}))
  }

  async evaluate(adapter: number): Promise<void> {
    if (this.evaluating !== undefined) return
    this.evaluating = adapter
    this.progress = undefined
    await this.notices.attempt('evaluation', () =>
      this.backend.call('adapter_evaluate', { adapter }, (event) => this.onEvent(event)),
    )
    this.evaluating = undefined
    await this.load()
  }

  /** Stops the evaluation. What is measured so far is kept. */
  async stopEvaluation(): Promise<void> {
    await this.notices.attempt('evaluation', () => this.backend.call('evaluation_stop', {}))
  }

  /** Copies an adapter into a new folder inside one that the writer chooses. */
  async export({ adapter }: AdapterView): Promise<void> {
    const folder = await this.notices.attempt('export', () => this.backend.pickFolder())
    if (folder === undefined) return
    const out = joinPath(folder, `ghost-adapter-${adapter}`)
    this.busy = adapter
    const exported = await this.notices.attempt('export', () =>
      this.backend.call('adapter_export', { format: 'peft', adapter, out }),
    )
    this.busy = undefined
    if (exported) {
      this.notices.show('export', `Adapter ${adapter} was exported to ${exported.path}.`)
    }
  }

  onEvent(event: DeskEvent): void {
    if (event.event === 'evaluation_progressed' && event.adapter === this.evaluating) {
      this.progress = event.done / Math.max(event.of, 1)
    }
    if (event.event === 'ghost_changed' || event.event === 'verdict_reached') void this.load()
  }

  async #change(adapter: number, command: () => Promise<AdapterList>): Promise<void> {
    if (this.busy !== undefined) return
    this.busy = adapter
    const view = await this.notices.attempt('adapters', command)
    this.busy = undefined
    if (!view) return
    this.view = view
    await this.refreshDesk()
  }
}

/** Joins a folder and a name with the folder's own separator. */
function joinPath(folder: string, name: string): string {
  const separator = folder.includes('\\') && !folder.includes('/') ? '\\' : '/'
  return folder.endsWith(separator) ? folder + name : folder + separator + name
}
