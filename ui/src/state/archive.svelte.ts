// The writer's past work: reading it in, looking through it, watching folders.

import type { Backend } from '../backend'
import type { ArchiveView, Event as DeskEvent, ImportReport, PieceText, PieceView } from '../wire'
import { sortedUnique } from '../format'
import type { Notices } from './notices.svelte'

export interface Progress {
  done: number
  of: number
  path: string
  pieces: number
  complaints: number
}

export class Archive {
  /** Only ever replaced whole: thousands of pieces need not be watched one by one. */
  view = $state.raw<ArchiveView>()
  report = $state<ImportReport>()
  progress = $state<Progress>()
  importing = $state(false)
  /** Asked to stop; the file at hand is still read. */
  stopping = $state(false)
  opened = $state<PieceText>()
  /** What the list is narrowed to. */
  kind = $state('')
  text = $state('')
  /** Folders seen in this session, watched or not, so that a switch can be turned back on. */
  #seen = $state<string[]>([])

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
    private readonly changed: () => Promise<unknown>,
  ) {}

  readonly kinds = $derived(sortedUnique(this.view?.pieces.map((piece) => piece.kind) ?? []))
  readonly folders = $derived(sortedUnique([...(this.view?.watched ?? []), ...this.#seen]))
  readonly shown = $derived(this.view?.pieces.filter((piece) => this.#fits(piece)) ?? [])

  #fits(piece: PieceView): boolean {
    if (this.kind !== '' && piece.kind !== this.kind) return false
    const text = this.text.trim().toLowerCase()
    return (
      text === '' ||
      `${piece.title} ${piece.date ?? ''} ${piece.source}`.toLowerCase().includes(text)
    )
  }

  async read(): Promise<void> {
    const view = await this.notices.attempt('archive', () => this.backend.call('archive_read', {}))
    if (view) this.view = view
  }

  async import(paths: string[]): Promise<void> {
    if (this.importing) {
      this.notices.say(
        'import',
        'Files are still being read. Drop these again when that is done.',
        'trouble',
      )
      return
    }
    this.importing = true
    this.report = undefined
    this.progress = undefined
    const report = await this.notices.attempt('import', () =>
      this.backend.call('archive_import', { paths, dry_run: false }, (event) => this.heard(event)),
    )
    this.importing = this.stopping = false
    this.progress = undefined
    if (report) this.report = report
    await Promise.all([this.read(), this.changed()])
  }

  async stop(): Promise<void> {
    this.stopping = true
    await this.notices.attempt('import', () => this.backend.call('import_stop', {}))
  }

  /** Says whether a name is the writer's, beside those that are already. */
  async own(name: string, own: boolean): Promise<void> {
    const others = (this.view?.authors ?? []).filter((author) => author.own && author.name !== name)
    const names = [...others.map((author) => author.name), ...(own ? [name] : [])]
    const view = await this.notices.attempt('author', () =>
      this.backend.call('author_say', { names }),
    )
    if (view) this.view = view
    await this.changed()
  }

  async pickFiles(): Promise<void> {
    const paths = await this.notices.attempt('import', () => this.backend.pickFiles())
    if (paths && paths.length > 0) await this.import(paths)
  }

  async pickFolder(): Promise<void> {
    const path = await this.notices.attempt('import', () => this.backend.pickFolder())
    if (path === undefined) return
    this.#see(path)
    await this.import([path])
  }

  async watch(path: string, on: boolean): Promise<void> {
    this.#see(path)
    const view = await this.notices.attempt('watch', () =>
      this.backend.call('folder_watch', { path, on }),
    )
    if (view) this.view = view
  }

  async watchAnother(): Promise<void> {
    const path = await this.notices.attempt('watch', () => this.backend.pickFolder())
    if (path !== undefined) await this.watch(path, true)
  }

  async openPiece(piece: number): Promise<void> {
    this.opened = await this.notices.attempt('piece', () =>
      this.backend.call('piece_read', { piece }),
    )
  }

  closePiece(): void {
    this.opened = undefined
  }

  heard(event: DeskEvent): void {
    if (event.event === 'import_progressed') {
      const { done, of, path, pieces, complaints } = event
      this.progress = { done, of, path, pieces, complaints }
    } else if (event.event === 'archive_changed' && !this.importing) {
      // Of an own import the answer tells the same.
      this.report = event.report
      void this.read()
      void this.changed()
    }
  }

  #see(path: string): void {
    if (!this.#seen.includes(path)) this.#seen.push(path)
  }
}
