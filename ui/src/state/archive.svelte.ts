// The archive: importing, filtering, authors and watched folders.

import type { Backend } from '../backend'
import { sortedUnique } from '../format'
import type { ArchiveView, Event as DeskEvent, ImportReport, PieceText, PieceView } from '../wire'
import type { Notices } from './notices.svelte'

export interface Progress {
  done: number
  of: number
  path: string
  pieces: number
  warnings: number
}

export class Archive {
  /** Replaced as a whole, never changed in place: tracking thousands of pieces is slow. */
  view = $state.raw<ArchiveView>()
  report = $state<ImportReport>()
  progress = $state<Progress>()
  importing = $state(false)
  /** The writer has stopped the import; it ends after the current file. */
  stopping = $state(false)
  /** The piece that is open in a dialog. */
  piece = $state<PieceText>()
  /** The kind to show; empty for all. */
  kind = $state('')
  /** The text to search for; empty for all. */
  text = $state('')
  /** Folders of this session, watched or not, so that watching can be turned on again. */
  #recentFolders = $state<string[]>([])

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
    private readonly refreshDesk: () => Promise<unknown>,
  ) {}

  readonly kinds = $derived(sortedUnique(this.view?.pieces.map((piece) => piece.kind) ?? []))
  readonly folders = $derived(sortedUnique([...(this.view?.watched ?? []), ...this.#recentFolders]))
  readonly filtered = $derived(this.view?.pieces.filter((piece) => this.#matches(piece)) ?? [])

  #matches(piece: PieceView): boolean {
    if (this.kind !== '' && piece.kind !== this.kind) return false
    const text = this.text.trim().toLowerCase()
    const searched = `${piece.title} ${piece.date ?? ''} ${piece.source}`
    return text === '' || searched.toLowerCase().includes(text)
  }

  async load(): Promise<void> {
    const view = await this.notices.attempt('archive', () => this.backend.call('archive_read', {}))
    if (view) this.view = view
  }

  async import(paths: string[]): Promise<void> {
    if (this.importing) {
      const message = 'An import is still running. Drop these files again when it is done.'
      this.notices.show('import', message, 'error')
      return
    }
    this.importing = true
    this.report = undefined
    this.progress = undefined
    const report = await this.notices.attempt('import', () =>
      this.backend.call('archive_import', { paths, dry_run: false }, (event) =>
        this.onEvent(event),
      ),
    )
    this.importing = this.stopping = false
    this.progress = undefined
    if (report) this.report = report
    await Promise.all([this.load(), this.refreshDesk()])
  }

  async stop(): Promise<void> {
    this.stopping = true
    await this.notices.attempt('import', () => this.backend.call('import_stop', {}))
  }

  /** Marks a name as the writer's own, or as somebody else's. */
  async setOwnName(name: string, own: boolean): Promise<void> {
    const authors = this.view?.authors ?? []
    const others = authors.filter((author) => author.own && author.name !== name)
    const names = [...others.map((author) => author.name), ...(own ? [name] : [])]
    const view = await this.notices.attempt('author', () =>
      this.backend.call('authors_set', { names }),
    )
    if (view) this.view = view
    await this.refreshDesk()
  }

  async pickFiles(): Promise<void> {
    const paths = await this.notices.attempt('import', () => this.backend.pickFiles())
    if (paths && paths.length > 0) await this.import(paths)
  }

  async pickFolder(): Promise<void> {
    const path = await this.notices.attempt('import', () => this.backend.pickFolder())
    if (path === undefined) return
    this.#rememberFolder(path)
    await this.import([path])
  }

  /** Turns watching a folder on or off. */
  async watch(path: string, on: boolean): Promise<void> {
    this.#rememberFolder(path)
    const view = await this.notices.attempt('watch', () =>
      this.backend.call('folder_watch', { path, on }),
    )
    if (view) this.view = view
  }

  async pickFolderToWatch(): Promise<void> {
    const path = await this.notices.attempt('watch', () => this.backend.pickFolder())
    if (path !== undefined) await this.watch(path, true)
  }

  async openPiece(piece: number): Promise<void> {
    this.piece = await this.notices.attempt('piece', () =>
      this.backend.call('piece_read', { piece }),
    )
  }

  closePiece(): void {
    this.piece = undefined
  }

  onEvent(event: DeskEvent): void {
    if (event.event === 'import_progressed') {
      const { done, of, path, pieces, warnings } = event
      this.progress = { done, of, path, pieces, warnings }
    } else if (event.event === 'archive_changed' && !this.importing) {
      // An import of this page gets the same report as its answer.
      this.report = event.report
      void this.load()
      void this.refreshDesk()
    }
  }

  #rememberFolder(path: string): void {
    if (!this.#recentFolders.includes(path)) this.#recentFolders.push(path)
  }
}
