// The state of the whole page: the open screen, the desk, and one object per subject.

import type { Backend, Drop } from '../backend'
import type { DeskView, Event as DeskEvent } from '../wire'
import { Adapters } from './adapters.svelte'
import { Archive } from './archive.svelte'
import { Drafts } from './drafts.svelte'
import { Notices } from './notices.svelte'
import { Readiness } from './readiness.svelte'
import { RemoteModel } from './remoteModel.svelte'
import { Runs } from './runs.svelte'

export const SCREENS = ['write', 'review', 'archive', 'learn', 'adapters'] as const
export type Screen = (typeof SCREENS)[number]

const isBase = (path: string): boolean => /\.(gguf|safetensors)$/i.test(path)

export class Session {
  screen = $state<Screen>('write')
  desk = $state<DeskView>()
  /** Files are being dragged over the window. */
  dragging = $state(false)
  /** The desk is checking a new base model. */
  checkingBase = $state(false)

  readonly notices = new Notices()
  readonly archive: Archive
  readonly drafts: Drafts
  readonly runs: Runs
  readonly adapters: Adapters
  readonly readiness: Readiness
  readonly remoteModel: RemoteModel

  constructor(readonly backend: Backend) {
    this.archive = new Archive(backend, this.notices, () => this.refresh())
    this.drafts = new Drafts(backend, this.notices, () => this.refresh())
    this.runs = new Runs(backend, this.notices)
    this.adapters = new Adapters(backend, this.notices, () => this.refresh())
    this.readiness = new Readiness(backend, this.notices)
    this.remoteModel = new RemoteModel(backend, this.notices)
  }

  /** Loads everything and starts listening. Returns a function that stops listening. */
  open(): () => void {
    const stops = [
      this.backend.listen((event) => this.onEvent(event)),
      this.backend.onDrop((drop) => void this.onDrop(drop)),
    ]
    void this.start()
    return () => stops.forEach((stop) => stop())
  }

  async start(): Promise<void> {
    if (!(await this.refresh()) || !this.desk) return
    this.drafts.restoreForm(this.desk)
    await Promise.all([this.drafts.restore(this.desk.open_draft), this.runs.restore(this.desk.run)])
  }

  /** Loads the desk. Returns whether it could be loaded. */
  async refresh(): Promise<boolean> {
    const desk = await this.notices.attempt('desk', () => this.backend.call('desk_read', {}))
    if (desk) this.desk = desk
    return desk !== undefined
  }

  go(screen: Screen): void {
    this.screen = screen
  }

  async onDrop(drop: Drop): Promise<void> {
    if ('over' in drop) {
      this.dragging = drop.over
      return
    }
    this.dragging = false
    const base = drop.paths.find(isBase)
    const pieces = drop.paths.filter((path) => !isBase(path))
    if (pieces.length > 0) this.go('archive')
    await Promise.all([
      base === undefined ? undefined : this.useBase(base),
      pieces.length > 0 ? this.archive.import(pieces) : undefined,
    ])
  }

  async useBase(file: string): Promise<void> {
    this.checkingBase = true
    const base = await this.notices.attempt('base', () => this.backend.call('base_use', { file }))
    this.checkingBase = false
    if (!base) return
    const message = `${base.name} is now the base model.`
    if (base.warnings.length > 0) {
      this.notices.show('base', [message, ...base.warnings].join(' '), 'error')
    } else {
      this.notices.show('base', message)
    }
    await Promise.all([this.refresh(), this.adapters.load()])
  }

  async pickBase(): Promise<void> {
    const files = await this.notices.attempt('base', () => this.backend.pickFiles())
    if (files?.[0] !== undefined) await this.useBase(files[0])
  }

  private onEvent(event: DeskEvent): void {
    switch (event.event) {
      case 'import_progressed':
      case 'archive_changed':
        return this.archive.onEvent(event)
      case 'run_changed':
      case 'run_stepped':
      case 'run_progressed':
        return this.runs.onEvent(event)
      case 'evaluation_progressed':
      case 'verdict_reached':
        this.runs.onEvent(event)
        return this.adapters.onEvent(event)
      case 'ghost_changed':
        if (this.desk) {
          this.desk.ghost = event.ghost
          this.desk.adapter = event.adapter
        }
        return this.adapters.onEvent(event)
    }
  }
}
