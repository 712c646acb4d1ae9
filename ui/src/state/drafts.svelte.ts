// The seed form, the open draft with the writer's text, its review and its shipping.
// Everything that the writer types is saved within a second.

import type { Backend } from '../backend'
import { toFailure } from '../backend'
import type {
  DeskView,
  DraftSummary,
  DraftView,
  EditView,
  Event as DeskEvent,
  ProfileView,
  SeedForm,
} from '../wire'
import { Autosave } from './autosave.svelte'
import type { Notices } from './notices.svelte'

/** How long to wait for a stream's last event after the command has answered. */
const END_TIMEOUT_MS = 2_000
/** How often to read a draft that another page started. */
const POLL_MS = 700
const MAX_WORDS = 20_000

export class Drafts {
  // The fields of the seed form.
  topic = $state('')
  angle = $state('')
  words = $state<number | null>(null)
  kind = $state('post')
  points = $state('')

  /** The open draft; `undefined` until the ghost has started one. */
  draft = $state<DraftView>()
  /** The text in the editor. */
  text = $state('')
  /** The ghost is writing; the writer cannot edit yet. */
  writing = $state(false)
  stopping = $state(false)
  /** The ghost is planning the sections of a long draft. */
  planning = $state(false)
  /** Changes whenever another draft is opened, so that the editor starts with an empty history. */
  editorKey = $state(0)
  recent = $state<DraftSummary[]>([])
  /** The edit under review, or as it was shipped. */
  edit = $state<EditView>()
  /** How the text differs from the writer's usual style; `undefined` for a small archive. */
  profile = $state<ProfileView>()
  shipping = $state(false)

  readonly formSaved: Autosave<SeedForm>
  readonly textSaved: Autosave<{ draft: number; text: string }>

  /** Text that has arrived since the last frame. */
  #buffer = ''
  #frame: number | undefined

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
    private readonly refreshDesk: () => Promise<unknown>,
  ) {
    this.formSaved = new Autosave((form) => this.#save('form_save', form), {
      delay: 300,
      maxDelay: 1_500,
    })
    this.textSaved = new Autosave((text) => this.#save('draft_save', text), {
      delay: 250,
      maxDelay: 800,
    })
  }

  readonly seed: SeedForm = $derived({
    topic: this.topic.trim(),
    angle: this.angle.trim() || null,
    words: this.words && this.words > 0 ? Math.min(MAX_WORDS, Math.ceil(this.words)) : null,
    kind: this.kind,
    points: this.points
      .split('\n')
      .map((point) => point.trim())
      .filter((point) => point !== ''),
  })
  /** The open draft was shipped; a shipped text does not change. */
  readonly shipped = $derived(this.draft?.shipped_text != null)
  /** The writer cannot edit the text: it is being written, being shipped, or shipped. */
  readonly locked = $derived(this.writing || this.shipping || this.shipped)
  readonly canWrite = $derived(!this.writing && this.seed.topic !== '')
  readonly canShip = $derived(
    this.draft !== undefined &&
      !this.writing &&
      !this.shipping &&
      this.text.trim() !== '' &&
      !this.shipped,
  )

  /** Fills the form with what it held last time. */
  restoreForm(desk: DeskView): void {
    const form = desk.form
    this.topic = form?.topic ?? ''
    this.angle = form?.angle ?? ''
    this.words = form?.words ?? null
    this.kind = form?.kind ?? desk.kinds[0] ?? 'post'
    this.points = form?.points.join('\n') ?? ''
  }

  /** Opens the draft that was open last, with the writer's text. */
  async restore(draft: number | null | undefined): Promise<void> {
    await Promise.all([this.loadRecent(), draft == null ? undefined : this.open(draft)])
  }

  formChanged(): void {
    this.formSaved.set(this.seed)
  }

  textChanged(text: string): void {
    if (!this.draft || this.locked) return
    this.text = text
    this.textSaved.set({ draft: this.draft.draft, text })
  }

  /** Saves everything now. Returns whether it is on disk. */
  async flush(): Promise<boolean> {
    const saved = await Promise.all([this.formSaved.flush(), this.textSaved.flush()])
    return saved.every(Boolean)
  }

  async loadRecent(): Promise<void> {
    const list = await this.notices.attempt('drafts', () => this.backend.call('draft_list', {}))
    if (list) this.recent = list.drafts
  }

  async open(id: number): Promise<void> {
    // Save the open text before it leaves the editor.
    if (this.writing || !(await this.textSaved.flush())) return
    const draft = await this.#read(id)
    if (!draft || this.writing) return
    this.#show(draft)
    if (draft.ended == null) await this.#poll(id)
  }

  async write(): Promise<void> {
    if (!this.canWrite) return
    this.writing = true
    if (!(await this.textSaved.flush())) {
      this.writing = false
      return
    }
    const before = { draft: this.draft, text: this.text }
    let started: number | undefined
    this.#show(undefined)
    try {
      const draft = await this.#stream(this.seed, (id) => (started = id))
      this.#set(draft)
      this.notices.clear('write')
    } catch (thrown) {
      this.notices.show('write', toFailure(thrown).message, 'error')
      this.#flushBuffer()
      await this.#recover(started, before)
    }
    this.writing = this.stopping = this.planning = false
    await Promise.all([this.loadRecent(), this.refreshDesk()])
  }

  async stop(): Promise<void> {
    if (!this.writing || this.stopping) return
    this.stopping = true
    const stopped = await this.notices.attempt('stop', () => this.backend.call('draft_stop', {}))
    // `stopping` ends with the stream.
    if (!stopped) this.stopping = false
  }

  /** Compares the text in the editor with the draft. */
  async review(): Promise<void> {
    if (!this.draft || this.writing || (this.shipped && this.edit?.row != null)) return
    const { draft } = this.draft
    const request = this.shipped ? { draft } : { draft, text: this.text }
    const edit = await this.notices.attempt('edit', () => this.backend.call('edit_read', request))
    if (edit && this.draft?.draft === edit.draft) this.edit = edit
    await this.#loadProfile(draft)
  }

  /** Compares the text with the writer's style. Fails silently: the archive may be too small. */
  async #loadProfile(draft: number): Promise<void> {
    await this.textSaved.flush()
    const profile = await this.backend
      .call('profile_read', { draft, as_drafted: false })
      .catch(() => undefined)
    if (this.draft?.draft === draft) this.profile = profile
  }

  async ship(): Promise<void> {
    if (!this.canShip || !this.draft) return
    this.shipping = true
    const { draft } = this.draft
    const text = this.text
    await this.textSaved.flush()
    const edit = await this.notices.attempt('ship', () =>
      this.backend.call('draft_ship', { draft, text }),
    )
    this.shipping = false
    if (!edit) return
    if (this.draft?.draft === draft) {
      this.draft.shipped_text = text
      this.edit = edit
      // The shipped text is on disk, so a failed save no longer matters.
      this.textSaved.reset()
      this.notices.clear('draft_save')
    }
    await Promise.all([this.loadRecent(), this.refreshDesk()])
  }

  /** Resolves with the stream's own last event, or with the answer if that event never comes. */
  #stream(seed: SeedForm, onStart: (id: number) => void): Promise<DraftView> {
    let live = true
    const stream = new Promise<DraftView>((resolve, reject) => {
      const onEvent = (event: DeskEvent): void => {
        if (!live) return
        if (event.event === 'draft_started') onStart(event.draft)
        else if (event.event === 'draft_planning') this.planning = true
        else if (event.event === 'draft_grew') this.#append(event.text)
        else if (event.event === 'draft_written') resolve(event.draft)
        else if (event.event === 'draft_failed') reject(event.failure)
        else if (event.event === 'gpu_failed') this.notices.show('card', event.sentence, 'error')
      }
      this.backend
        .call('draft_write', { seed }, onEvent)
        .then((draft) => setTimeout(() => resolve(draft), END_TIMEOUT_MS), reject)
    })
    return stream.finally(() => (live = false))
  }

  /** Appends text once per frame: words arrive faster than the page is drawn. */
  #append(text: string): void {
    this.#buffer += text
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined
      this.text += this.#buffer
      this.#buffer = ''
    })
  }

  #flushBuffer(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame)
    this.#frame = undefined
    this.text += this.#buffer
    this.#buffer = ''
  }

  #read(id: number): Promise<DraftView | undefined> {
    return this.notices.attempt('draft', () => this.backend.call('draft_read', { draft: id }))
  }

  /** Opens a draft in a new editor. */
  #show(draft: DraftView | undefined): void {
    this.textSaved.reset()
    this.editorKey += 1
    this.#set(draft)
  }

  /** Sets the open draft without replacing the editor. */
  #set(draft: DraftView | undefined): void {
    this.#flushBuffer()
    this.draft = draft
    this.text = draft?.working_text ?? ''
    this.edit = undefined
    this.profile = undefined
  }

  /** After a failure: opens what was written of the draft, or else what was open before. */
  async #recover(
    started: number | undefined,
    before: { draft: DraftView | undefined; text: string },
  ): Promise<void> {
    const id = started ?? before.draft?.draft
    if (id === undefined) return
    const draft = await this.#read(id)
    if (draft && started !== undefined) return this.#set(draft)
    this.#show(draft ?? before.draft)
    if (!draft) this.text = before.text
  }

  /** Follows a draft whose stream belongs to another page, by reading it repeatedly. */
  async #poll(id: number): Promise<void> {
    this.writing = true
    for (;;) {
      await new Promise((done) => setTimeout(done, POLL_MS))
      const draft = await this.#read(id)
      if (!draft) break
      this.text = draft.working_text
      if (draft.ended == null) continue
      this.#set(draft)
      break
    }
    this.writing = this.stopping = false
  }

  async #save<C extends 'form_save' | 'draft_save'>(
    name: C,
    value: C extends 'form_save' ? SeedForm : { draft: number; text: string },
  ): Promise<{ at: string }> {
    try {
      const saved = await this.backend.call<'form_save' | 'draft_save'>(name, value)
      this.notices.clear(name)
      return saved
    } catch (thrown) {
      const { message } = toFailure(thrown)
      const kept = 'Your text is still here. Retrying.'
      this.notices.show(name, `${message} ${kept}`, 'error')
      throw thrown
    }
  }
}
