// The adapters, and which of them writes.

import type { Backend } from '../backend'
import type { AdapterView, Event as DeskEvent, Ghosts as GhostsView } from '../wire'
import type { Notices } from './notices.svelte'

export class Ghosts {
  view = $state<GhostsView>()
  /** The adapter that something is being done with; 0 is the bare base. */
  busy = $state<number>()
  /** The adapter that is being judged. */
  judging = $state<number>()
  /** How much of that is done, from 0 to 1. */
  measured = $state<number>()

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
    private readonly changed: () => Promise<unknown>,
  ) {}

  /** Whoever wrote before, in words; none where nobody did. */
  readonly before = $derived(
    this.view?.before == null
      ? undefined
      : this.view.before === 0
        ? 'the bare base'
        : `adapter ${this.view.before}`,
  )

  async read(): Promise<void> {
    const view = await this.notices.attempt('ghosts', () => this.backend.call('adapter_list', {}))
    if (view) this.view = view
  }

  /** 0 is the bare base. */
  promote(adapter: number): Promise<void> {
    return this.#change(adapter, () => this.backend.call('adapter_promote', { adapter }))
  }

  retire(adapter: number): Promise<void> {
    return this.#change(adapter, () => this.backend.call('adapter_retire', { adapter }))
  }

  rollBack(): Promise<void> {
    return this.#change(this.view?.writing ?? 0, () => this.backend.call('ghost_rollback', {}))
  }

  async judge(adapter: number): Promise<void> {
    if (this.judging !== undefined) return
    this.judging = adapter
    this.measured = undefined
    await this.notices.attempt('judge', () =>
      this.backend.call('adapter_judge', { adapter }, (event) => this.heard(event)),
    )
    this.judging = undefined
    await this.read()
  }

  /** Copies an adapter into a new folder inside the one that the writer chooses. */
  async export(adapter: AdapterView): Promise<void> {
    const folder = await this.notices.attempt('export', () => this.backend.pickFolder())
    if (folder === undefined) return
    const out = inside(folder, `ghost-adapter-${adapter.adapter}`)
    this.busy = adapter.adapter
    const exported = await this.notices.attempt('export', () =>
      this.backend.call('adapter_export', { format: 'peft', adapter: adapter.adapter, out }),
    )
    this.busy = undefined
    if (exported)
      this.notices.say('export', `Adapter ${adapter.adapter} was copied to ${exported.path}.`)
  }

  /** What is measured already stays measured. */
  async stopJudging(): Promise<void> {
    await this.notices.attempt('judge', () => this.backend.call('judge_stop', {}))
  }

  heard(event: DeskEvent): void {
    if (event.event === 'judge_progressed' && event.adapter === this.judging)
      this.measured = event.done / Math.max(event.of, 1)
    if (event.event === 'ghost_changed' || event.event === 'verdict_reached') void this.read()
  }

  async #change(adapter: number, work: () => Promise<GhostsView>): Promise<void> {
    if (this.busy !== undefined) return
    this.busy = adapter
    const view = await this.notices.attempt('ghosts', work)
    this.busy = undefined
    if (!view) return
    this.view = view
    await this.changed()
  }
}

/** A name inside a folder, in the folder's own manner of writing paths. */
function inside(folder: string, name: string): string {
  const mark = folder.includes('\\') && !folder.includes('/') ? '\\' : '/'
  return folder.endsWith(mark) ? folder + name : folder + mark + name
}
