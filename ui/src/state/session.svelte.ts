// The whole page in one object: which screen is open, how the desk stands, and the parts of the
// state that have names of their own. Holds no markup.

import type { Backend, Drop } from '../backend'
import type { DeskView, Event as DeskEvent } from '../wire'
import { Archive } from './archive.svelte'
import { Drafting } from './drafts.svelte'
import { Elsewhere } from './remoteModel.svelte'
import { Fit } from './readiness.svelte'
import { Ghosts } from './adapters.svelte'
import { Notices } from './notices.svelte'
import { Learning } from './runs.svelte'

export const SCREENS = ['write', 'review', 'archive', 'learn', 'ghosts'] as const
export type Screen = (typeof SCREENS)[number]

const isBase = (path: string): boolean => /\.(gguf|safetensors)$/i.test(path)

export class Session {
  screen = $state<Screen>('write')
  desk = $state<DeskView>()
  /** Files are held over the window. */
  over = $state(false)
  /** A base is being checked. */
  checkingBase = $state(false)

  readonly notices = new Notices()
  readonly archive: Archive
  readonly draft: Drafting
  readonly learning: Learning
  readonly ghosts: Ghosts
  readonly fit: Fit
  readonly elsewhere: Elsewhere

  constructor(readonly backend: Backend) {
    this.archive = new Archive(backend, this.notices, () => this.refresh())
    this.draft = new Drafting(backend, this.notices, () => this.refresh())
    this.learning = new Learning(backend, this.notices)
    this.ghosts = new Ghosts(backend, this.notices, () => this.refresh())
    this.fit = new Fit(backend, this.notices)
    this.elsewhere = new Elsewhere(backend, this.notices)
  }

  /** Opens the desk as it was left, and listens from then on. Returns how to stop. */
  open(): () => void {
    const stops = [
      this.backend.listen((event) => this.heard(event)),
      this.backend.onDrop((drop) => void this.dropped(drop)),
    ]
    void this.start()
    return () => stops.forEach((stop) => stop())
  }

  async start(): Promise<void> {
    if (!(await this.refresh()) || !this.desk) return
    this.draft.begin(this.desk)
    await Promise.all([
      this.draft.resume(this.desk.open_draft),
      this.learning.resume(this.desk.run),
    ])
  }

  /** Reads how the desk stands. Answers whether it could be read. */
  async refresh(): Promise<boolean> {
    const desk = await this.notices.attempt('desk', () => this.backend.call('desk_read', {}))
    if (desk) this.desk = desk
    return desk !== undefined
  }

  go(screen: Screen): void {
    this.screen = screen
  }

  async dropped(drop: Drop): Promise<void> {
    if ('over' in drop) {
      this.over = drop.over
      return
    }
    this.over = false
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
    const used = `${base.name} is the base from now on.`
    if (base.warnings.length > 0)
      this.notices.say('base', [used, ...base.warnings].join(' '), 'trouble')
    else this.notices.say('base', used)
    await Promise.all([this.refresh(), this.ghosts.read()])
  }

  async pickBase(): Promise<void> {
    const files = await this.notices.attempt('base', () => this.backend.pickFiles())
    if (files?.[0] !== undefined) await this.useBase(files[0])
  }

  private heard(event: DeskEvent): void {
    switch (event.event) {
      case 'import_progressed':
      case 'archive_changed':
        return this.archive.heard(event)
      case 'run_changed':
      case 'run_stepped':
      case 'run_progressed':
        return this.learning.heard(event)
      case 'judge_progressed':
      case 'verdict_reached':
        this.learning.heard(event)
        return this.ghosts.heard(event)
      case 'ghost_changed':
        if (this.desk) {
          this.desk.ghost = event.ghost
          this.desk.adapter = event.adapter
        }
        return this.ghosts.heard(event)
    }
  }
}
