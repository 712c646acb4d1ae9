// The seed form, the draft that the ghost writes from it, the writer's text, and its shipping.
// Nothing typed is ever only here for longer than a moment.

import type { Backend } from '../backend'
import { failure } from '../backend'
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

/** How long the end of a stream may come after its answer, in milliseconds. */
const GRACE = 2_000
/** How often a draft is looked at that another page began. */
const LOOK = 700
const MOST_WORDS = 20_000

export class Drafting {
  // The form, as it stands in its fields.
  topic = $state('')
  angle = $state('')
  words = $state<number | null>(null)
  kind = $state('post')
  points = $state('')

  /** The open draft; none while the ghost begins. */
  draft = $state<DraftView>()
  /** The text in the editor. */
  text = $state('')
  /** The ghost is at it; the text is not the writer's yet. */
  writing = $state(false)
  stopping = $state(false)
  /** The sections of a long draft are being planned. */
  planning = $state(false)
  /** Counts the sheets of paper: a new one for each draft that is begun or opened. */
  sheet = $state(0)
  recent = $state<DraftSummary[]>([])
  /** The edit under review; as shipped, once shipped. */
  edit = $state<EditView>()
  /** How the text under review differs from how the writer writes; none for a small archive. */
  profile = $state<ProfileView>()
  shipping = $state(false)

  readonly formSaved: Autosave<SeedForm>
  readonly textSaved: Autosave<{ draft: number; text: string }>

  /** What the ghost has written since the last frame. */
  #grown = ''
  #frame: number | undefined

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
    private readonly changed: () => Promise<unknown>,
  ) {
    this.formSaved = new Autosave((form) => this.#keep('form_save', form), {
      pause: 300,
      longest: 1_500,
    })
    this.textSaved = new Autosave((text) => this.#keep('draft_save', text), {
      pause: 250,
      longest: 800,
    })
  }

  readonly seed: SeedForm = $derived({
    topic: this.topic.trim(),
    angle: this.angle.trim() || null,
    words: this.words && this.words > 0 ? Math.min(MOST_WORDS, Math.ceil(this.words)) : null,
    kind: this.kind,
    points: this.points
      .split('\n')
      .map((point) => point.trim())
      .filter((point) => point !== ''),
  })
  /** The open draft was shipped; what was shipped does not change. */
  readonly shipped = $derived(this.draft?.shipped_text != null)
  /** The text is not the writer's to change: not yet, or no more. */
  readonly locked = $derived(this.writing || this.shipping || this.shipped)
  readonly canWrite = $derived(!this.writing && this.seed.topic !== '')
  readonly canShip = $derived(
    this.draft !== undefined &&
      !this.writing &&
      !this.shipping &&
      this.text.trim() !== '' &&
      !this.shipped,
  )

  /** Fills the form as it was left. */
  begin(desk: DeskView): void {
    const form = desk.form
    this.topic = form?.topic ?? ''
    this.angle = form?.angle ?? ''
    this.words = form?.words ?? null
    this.kind = form?.kind ?? desk.kinds[0] ?? 'post'
    this.points = form?.points.join('\n') ?? ''
  }

  /** Opens the draft that was open last, as the writer left it. */
  async resume(draft: number | null | undefined): Promise<void> {
    await Promise.all([this.list(), draft == null ? undefined : this.open(draft)])
  }

  formChanged(): void {
    this.formSaved.put(this.seed)
  }

  textChanged(text: string): void {
    if (!this.draft || this.locked) return
    this.text = text
    this.textSaved.put({ draft: this.draft.draft, text })
  }

  /** Everything on disk now; answers whether it is. */
  async flush(): Promise<boolean> {
    const saved = await Promise.all([this.formSaved.flush(), this.textSaved.flush()])
    return saved.every(Boolean)
  }

  async list(): Promise<void> {
    const list = await this.notices.attempt('drafts', () => this.backend.call('draft_list', {}))
    if (list) this.recent = list.drafts
  }

  async open(id: number): Promise<void> {
    // The open text is not let go of before it is on disk.
    if (this.writing || !(await this.textSaved.flush())) return
    const draft = await this.notices.attempt('draft', () =>
      this.backend.call('draft_read', { draft: id }),
    )
    if (!draft || this.writing) return
    this.#lay(draft)
    if (draft.ended == null) await this.#watch(id)
  }

  async write(): Promise<void> {
    if (!this.canWrite) return
    this.writing = true
    if (!(await this.textSaved.flush())) {
      this.writing = false
      return
    }
    const before = { draft: this.draft, text: this.text }
    let begun: number | undefined
    this.#lay(undefined)
    try {
      const draft = await this.#stream(this.seed, (id) => (begun = id))
      this.#settle(draft)
      this.notices.clear('write')
    } catch (thrown) {
      this.notices.say('write', failure(thrown).message, 'trouble')
      this.#dropFrame()
      await this.#recover(begun, before)
    }
    this.writing = this.stopping = this.planning = false
    await Promise.all([this.list(), this.changed()])
  }

  async stop(): Promise<void> {
    if (!this.writing || this.stopping) return
    this.stopping = true
    const stopped = await this.notices.attempt('stop', () => this.backend.call('draft_stop', {}))
    // The stream says when it has ended.
    if (!stopped) this.stopping = false
  }

  /** Reads the edit that the text in the editor makes of the draft. */
  async review(): Promise<void> {
    if (!this.draft || this.writing || (this.shipped && this.edit?.row != null)) return
    const { draft } = this.draft
    const request = this.shipped ? { draft } : { draft, text: this.text }
    const edit = await this.notices.attempt('edit', () => this.backend.call('edit_read', request))
    if (edit && this.draft?.draft === edit.draft) this.edit = edit
    await this.#compare(draft)
  }

  /** Holds the text against the writer's own. An archive too small for that is no trouble. */
  async #compare(draft: number): Promise<void> {
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
      // A save that did not go well is overtaken: the words are on disk as shipped.
      this.textSaved.reset()
      this.notices.clear('draft_save')
    }
    await Promise.all([this.list(), this.changed()])
  }

  /** Resolves with the stream's own last event. The command's answer is only its safety net. */
  #stream(seed: SeedForm, begun: (id: number) => void): Promise<DraftView> {
    let live = true
    const heard = new Promise<DraftView>((written, failed) => {
      const hear = (event: DeskEvent): void => {
        if (!live) return
        if (event.event === 'draft_started') begun(event.draft)
        else if (event.event === 'draft_planning') this.planning = true
        else if (event.event === 'draft_grew') this.#grow(event.text)
        else if (event.event === 'draft_written') written(event.draft)
        else if (event.event === 'draft_failed') failed(event.failure)
        else if (event.event === 'card_lost') this.notices.say('card', event.sentence, 'trouble')
      }
      this.backend
        .call('draft_write', { seed }, hear)
        .then((draft) => setTimeout(() => written(draft), GRACE), failed)
    })
    return heard.finally(() => (live = false))
  }

  /** Words come faster than frames: the page is given them a frame at a time. */
  #grow(text: string): void {
    this.#grown += text
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined
      this.text += this.#grown
      this.#grown = ''
    })
  }

  #dropFrame(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame)
    this.#frame = undefined
    this.text += this.#grown
    this.#grown = ''
  }

  /** A new sheet of paper. */
  #lay(draft: DraftView | undefined): void {
    this.textSaved.reset()
    this.sheet += 1
    this.#settle(draft)
  }

  /** This is the draft that lies on the sheet. */
  #settle(draft: DraftView | undefined): void {
    this.#dropFrame()
    this.draft = draft
    this.text = draft?.working_text ?? ''
    this.edit = undefined
    this.profile = undefined
  }

  /** After a draft failed: what was written of it, or else what lay here before. */
  async #recover(
    begun: number | undefined,
    before: { draft: DraftView | undefined; text: string },
  ): Promise<void> {
    const id = begun ?? before.draft?.draft
    if (id === undefined) return
    const draft = await this.notices.attempt('draft', () =>
      this.backend.call('draft_read', { draft: id }),
    )
    if (draft && begun !== undefined) return this.#settle(draft)
    this.#lay(draft ?? before.draft)
    if (!draft) this.text = before.text
  }

  /** Follows a draft whose stream another page hears, by looking again and again. */
  async #watch(id: number): Promise<void> {
    this.writing = true
    for (;;) {
      await new Promise((rest) => setTimeout(rest, LOOK))
      const draft = await this.notices.attempt('draft', () =>
        this.backend.call('draft_read', { draft: id }),
      )
      if (!draft) break
      this.text = draft.working_text
      if (draft.ended == null) continue
      this.#settle(draft)
      break
    }
    this.writing = this.stopping = false
  }

  async #keep<C extends 'form_save' | 'draft_save'>(
    name: C,
    value: C extends 'form_save' ? SeedForm : { draft: number; text: string },
  ): Promise<{ at: string }> {
    try {
      const saved = await this.backend.call<'form_save' | 'draft_save'>(name, value)
      this.notices.clear(name)
      return saved
    } catch (thrown) {
      const { message } = failure(thrown)
      this.notices.say(name, `${message} Your words stay here; saving is tried again.`, 'trouble')
      throw thrown
    }
  }
}
