// A demo backend in memory with plausible data: for work on the page in a browser, and for tests.
// It is not part of the app, and it saves nothing.

import type {
  AdapterView,
  AuthorView,
  Commands,
  Event as DeskEvent,
  DeskView,
  DraftView,
  EditView,
  Failure,
  ReadinessView,
  AdapterList,
  ImportReport,
  NoteView,
  PieceSeed,
  PieceView,
  RunView,
  SegmentView,
  SplitName,
  StepView,
  VerdictView,
} from '../wire'
import type { Answer, Backend, CommandName, Drop, OnEvent, Request } from './index'

type Table = {
  [C in keyof Commands]: (request: Request<C>, onEvent: OnEvent) => Answer<C> | Promise<Answer<C>>
}

export interface Settings {
  /** Number of pieces in the archive. */
  pieces?: number
  /** Whether there is a base model. */
  base?: boolean
  /** Whether there are drafts, runs and adapters already. */
  history?: boolean
  /** Milliseconds per word of a draft; a training step takes four times as long. */
  pace?: number
}

/** A backend that tests can control and inspect. */
export interface Demo extends Backend {
  /** All calls so far, in order. */
  readonly calls: { name: CommandName; request: unknown }[]
  emit(event: DeskEvent): void
  drop(drop: Drop): void
  /** Makes the next calls of a command fail, once or `times` times. */
  fail(name: CommandName, failure: Failure, times?: number): void
  /** The answer of the file and folder choosers. */
  picks: string[] | undefined
}

const DRAFT = `The stone had been my grandfather's, and it was hollow in the middle like a stair in an old church.

I had always taken the hollow for a fault. You flatten a stone, the books say, before you ask anything of it, and I had the coarse paper out on the window sill and a cup of paraffin beside it. Then I laid the gouge in the dip, out of laziness more than thought, and it fitted.

It fitted because forty years of gouges had made it. Every Saturday he had taken a little steel off the tool and the tool had taken a little stone off the block, and between them they had come to an understanding. The hollow was not wear. It was the shape of the work.

So I put the paper away. There is a second stone now for chisels, flat as a table and quite without character. The old one keeps its place by the vice. When I pick it up I put my thumb where his thumb went, which is easy, because there is a hollow there as well.`

const TITLES = [
  'The oilstone',
  'Low water',
  'A sash cord',
  'First of the rye',
  'The long pipe',
  'Scions in February',
  'What the barometer said',
  'The door that sticks',
  'True',
  'Apple paper',
  'Laying the hedge',
  'The heel of the plane',
  'Gutters',
  'Eight days',
  'The shop is shutting',
  'Keys',
  'Drops',
  'The well, again',
]

const now = (): string => new Date().toISOString()
const daysAgo = (n: number): string => new Date(Date.now() - n * 86_400_000).toISOString()
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
const wordsOf = (text: string): number => text.match(/[\p{L}\p{N}'’-]+/gu)?.length ?? 0

export function demo({ pieces = 54, base = true, history = true, pace = 28 }: Settings = {}): Demo {
  const listeners = new Set<OnEvent>()
  const dropListeners = new Set<(drop: Drop) => void>()
  const failures = new Map<CommandName, { failure: Failure; times: number }>()
  const calls: Demo['calls'] = []
  const emit = (event: DeskEvent): void =>
    listeners.forEach((onEvent) => onEvent(structuredClone(event)))

  const starterBase = {
    base: 1,
    name: 'SmolLM2 135M Instruct',
    family: 'llama',
    quantisation: 'Q4_1',
    parameters: 134_515_008,
    bytes: 98_572_544,
    context: 8192,
    licence: 'Apache-2.0',
    path: '/home/writer/.ghost/bases/smollm2-135m.gguf',
    in_use: true,
    warnings: [],
  }
  const archive = {
    pieces: makePieces(pieces),
    warnings: history ? WARNINGS : [],
    notes: [] as NoteView[],
    watched: history ? ['/home/writer/site/content'] : ([] as string[]),
    authors: [] as AuthorView[],
    ask_author: false,
  }
  const drafts: DraftView[] = history
    ? [
        makeDraft(2, 'Why I kept the hollow stone', 0),
        makeDraft(1, 'The ladder in the orchard', 3, true),
      ]
    : []
  const runs: RunView[] = history ? [makeRun(2, 1, 2), makeRun(1, 9, 1)] : []
  const ghosts: AdapterList = {
    ghost: '',
    active: history ? 2 : null,
    previous: history ? 1 : null,
    adapters: history
      ? [
          makeAdapter(2, 1, 'active', shipVerdict()),
          makeAdapter(1, 9, 'available', unprovenVerdict()),
        ]
      : [],
  }
  const state = {
    base,
    form: history ? drafts[0]!.seed : null,
    open: history ? 2 : null,
    stop: false,
    stopImport: false,
    stopRun: false,
    writing: false,
    row: history ? 214 : 40,
  }

  const writerName = (id: number | null | undefined): string =>
    !state.base ? 'No model yet' : `SmolLM2 135M${id ? `, adapter ${id}` : ' (no adapter)'}`
  const view = (): AdapterList => ({ ...ghosts, ghost: writerName(ghosts.active) })
  const unfinishedRun = (): RunView | undefined =>
    runs.find((run) => run.state !== 'done' && run.state !== 'failed')
  const fail = (code: Failure['code'], message: string): never => {
    throw { code, message } satisfies Failure
  }
  const pieceBy = (id: number): PieceView =>
    archive.pieces.find(({ piece }) => piece === id) ?? noSuch('piece', id)
  const draftBy = (id: number): DraftView =>
    drafts.find(({ draft }) => draft === id) ?? noSuch('draft', id)
  const runBy = (id: number): RunView => runs.find(({ run }) => run === id) ?? noSuch('run', id)
  const adapterBy = (id: number | null | undefined): AdapterView =>
    ghosts.adapters.find(({ adapter }) => adapter === id) ?? noSuch('adapter', id)
  const noSuch = (thing: string, id: number | null | undefined): never =>
    fail('not_found', `No ${thing} has the id ${id}.`)
  const unshipped = (id: number): DraftView => {
    const draft = draftBy(id)
    if (draft.shipped_text != null) fail('bad_input', 'This draft has already been shipped.')
    return draft
  }
  const requireBase = (): void => {
    if (!state.base) fail('base_missing', 'There is no base model on this computer yet.')
  }
  const activate = (id: number | null): AdapterList => {
    ghosts.previous = ghosts.active ?? 0
    ghosts.active = id
    for (const one of ghosts.adapters) {
      if (one.adapter === id) one.status = 'active'
      else if (one.status === 'active') one.status = 'available'
    }
    emit({ event: 'ghost_changed', ghost: writerName(id), adapter: id })
    return view()
  }

  async function learn(run: RunView): Promise<void> {
    const of = 120
    state.stopRun = false
    run.state = 'learning'
    for (let n = (run.step?.n ?? 0) + 1; n <= of; n++) {
      await sleep(pace * 4)
      if (state.stopRun) {
        run.state = 'stopped'
        run.notes.push(`Stopped at step ${n - 1} of ${of}; the run can be resumed.`)
        return emit({ event: 'run_changed', run: { ...run, steps: [] } })
      }
      run.step = makeStep(n, of)
      run.steps.push(run.step)
      emit({ event: 'run_stepped', run: run.run, step: run.step })
    }
    run.state = 'evaluating'
    emit({ event: 'run_changed', run: { ...run, steps: [] } })
    await sleep(pace * 60)
    Object.assign(run, { state: 'done', adapter: run.run, verdict: shipVerdict(), ended_at: now() })
    ghosts.adapters.unshift(makeAdapter(run.run, 0, 'available', run.verdict!))
    emit({ event: 'verdict_reached', adapter: run.run, verdict: run.verdict! })
    activate(run.run)
    emit({ event: 'run_changed', run: { ...run, steps: [] } })
  }

  const table: Table = {
    desk_read: (): DeskView => ({
      version: '0.1.0',
      home: '/home/writer/.ghost',
      base: state.base ? starterBase : null,
      ghost: writerName(ghosts.active),
      adapter: ghosts.active,
      n_pieces: archive.pieces.length,
      n_shipped: drafts.filter((one) => one.shipped_text != null).length,
      kinds: pieces > 0 ? ['post', 'log', 'recipes'] : [],
      open_draft: state.open,
      form: state.form,
      run: unfinishedRun() ?? null,
    }),
    form_save: (form) => ((state.form = form), { at: now() }),

    archive_import: async ({ paths }, onEvent) => {
      state.stopImport = false
      const found = paths.flatMap((path) =>
        /\.\w+$/.test(path) ? [path] : [1, 2, 3, 4, 5].map((n) => `${path}/${n}.md`),
      )
      for (const [done, path] of found.entries()) {
        if (state.stopImport) break
        onEvent({
          event: 'import_progressed',
          done,
          of: found.length,
          path,
          pieces: done,
          warnings: 0,
        })
        await sleep(pace * 4)
      }
      const cancelled = state.stopImport
      const read = cancelled ? [] : found.filter((path) => !path.endsWith('.bin'))
      const added = read.map((source, n) => makePiece(archive.pieces.length + n + 1, source))
      const kept = added.filter((piece) =>
        archive.pieces.every((old) => old.source !== piece.source),
      )
      archive.pieces.unshift(...kept)
      archive.warnings = found
        .filter((path) => path.endsWith('.bin'))
        .map((path) => ({
          path,
          reason: 'Skipped: not a text file.',
        }))
      archive.notes =
        read.length > 1
          ? [
              {
                sentence: `${12 * read.length} words of navigation left out.`,
                words: 12 * read.length,
                files: read.length,
                paths: read.slice(0, 3),
              },
            ]
          : []
      const report: ImportReport = {
        kinds: [{ kind: 'post', pieces: read.length }],
        pieces: read.length,
        added: kept.length,
        changed: 0,
        duplicates: read.length - kept.length,
        pairs: 0,
        authors: [],
        found: [],
        cancelled,
        warnings: archive.warnings,
        notes: archive.notes,
        seconds: (found.length * pace * 4) / 1000,
      }
      return report
    },
    import_stop: () => ((state.stopImport = true), {}),
    authors_set: ({ names }) => {
      archive.authors = archive.authors.map((author) => ({
        ...author,
        own: names.includes(author.name),
      }))
      archive.ask_author = false
      return table.archive_read({}, () => {})
    },
    archive_read: () => ({
      ...archive,
      words: archive.pieces.reduce((sum, piece) => sum + piece.words, 0),
    }),
    piece_read: ({ piece }) => ({
      piece: pieceBy(piece),
      text: DRAFT,
    }),
    piece_seed_read: ({ piece }) => makeSeed(pieceBy(piece)),
    piece_seed_save: ({ piece, seed }) => {
      const own = makeSeed(pieceBy(piece))
      return seed
        ? {
            ...own,
            seed,
            request: `Write a post about ${seed.topic}.`,
            origin: 'writer',
            saves: null,
          }
        : own
    },
    seeds_choose: () => ({
      chosen: archive.pieces.length,
      left: 0,
      saves: 0.021,
      seconds: 40,
      sentence: `All pieces have a seed; ${archive.pieces.length} were chosen in this run, at 0.7 s each.`,
    }),
    folder_watch: ({ path, on }) => {
      archive.watched = archive.watched.filter((one) => one !== path).concat(on ? [path] : [])
      return table.archive_read({}, () => {})
    },

    base_list: () => ({ bases: state.base ? [starterBase] : [] }),
    base_use: async ({ file }) => {
      await sleep(pace * 20)
      if (!file.toLowerCase().endsWith('.gguf')) fail('not_a_base', 'This is not a GGUF file.')
      state.base = true
      return starterBase
    },

    draft_write: async ({ seed }, onEvent) => {
      requireBase()
      if (state.writing) fail('busy', 'A draft is already being written.')
      state.writing = true
      state.stop = false
      const draft: DraftView = {
        ...makeDraft(Math.max(0, ...drafts.map((one) => one.draft)) + 1, seed.topic, 0),
        seed,
        text: '',
        working_text: '',
        ended: null,
        written_at: now(),
      }
      drafts.unshift(draft)
      state.open = draft.draft
      onEvent({ event: 'draft_started', draft: draft.draft })
      const began = Date.now()
      // As in the app: a long draft is planned first.
      if ((seed.words ?? 0) >= 500) {
        onEvent({ event: 'draft_planning', draft: draft.draft })
        await sleep(pace * 20)
      }
      for (const text of DRAFT.match(/\S+\s*/g) ?? []) {
        await sleep(pace)
        if (state.stop) break
        draft.text += text
        onEvent({ event: 'draft_grew', draft: draft.draft, text })
      }
      draft.text = draft.text.trimEnd()
      draft.working_text = draft.text
      draft.ended = state.stop ? 'stopped' : 'finished'
      draft.seconds = (Date.now() - began) / 1000
      state.writing = false
      // As in the app: the stream's last event arrives after the answer.
      setTimeout(() => onEvent({ event: 'draft_written', draft: structuredClone(draft) }), pace)
      return draft
    },
    draft_stop: () => ((state.stop = true), {}),
    draft_read: ({ draft }) => {
      const one = draftBy(draft)
      state.open = draft
      return one
    },
    draft_list: () => ({
      drafts: drafts.map((one) => ({
        draft: one.draft,
        topic: one.seed.topic,
        kind: one.seed.kind ?? 'post',
        words: wordsOf(one.working_text),
        shipped: one.shipped_text != null,
        written_by: one.written_by,
        written_at: one.written_at,
      })),
    }),
    draft_save: ({ draft, text }) => {
      unshipped(draft).working_text = text
      return { at: now() }
    },
    draft_ship: ({ draft, text }) => {
      const one = unshipped(draft)
      one.shipped_text = one.working_text = text ?? one.working_text
      return { ...makeEdit(one, one.shipped_text), edit: draft, row: ++state.row }
    },
    edit_read: ({ draft, text }) => {
      const one = draftBy(draft)
      if (text == null && one.shipped_text != null)
        return { ...makeEdit(one, one.shipped_text), edit: draft, row: state.row }
      return makeEdit(one, text ?? one.working_text)
    },
    row_exclude: () => ({ rows: [] }),
    profile_read: () => ({
      pieces: archive.pieces.length,
      draft_words: wordsOf(DRAFT),
      openers: [{ word: 'i', writer: 21, draft: 12 }],
      figures: [
        {
          theme: 'rhythm',
          name: 'sentence length',
          unit: 'words',
          writer: 14.2,
          spread: 2.1,
          draft: 19.6,
          off: 2.6,
          unusual: true,
        },
      ],
      sentences: ['Sentences are longer than yours: 19.6 words; you write 14.2.'],
    }),
    row_list: () => ({ rows: [] }),

    run_start: ({ recipe, new: startOver }) => {
      requireBase()
      const resumable = runs.find((one) => one.state === 'stopped' || one.state === 'interrupted')
      if (resumable && !startOver) {
        resumable.notes.push(`Resumed at step ${resumable.step?.n ?? 0}.`)
        void learn(resumable)
        return { ...resumable, steps: [] }
      }
      const run: RunView = {
        run: runs.length + 1,
        state: 'waiting',
        recipe: recipe ?? 'quick',
        n_rows: state.row,
        steps: [],
        step: null,
        adapter: null,
        verdict: null,
        notes: ['42 of 214 rows fit the time limit; the newest and the edited ones come first.'],
        started_at: now(),
        ended_at: null,
      }
      runs.unshift(run)
      // As in the app: the answer may arrive before the run is active.
      const answer = { ...run, steps: [] }
      void learn(run)
      return answer
    },
    run_stop: () => {
      state.stopRun = true
      return { ...(unfinishedRun() ?? fail('not_found', 'No run is active.')), steps: [] }
    },
    run_read: ({ run }) => runBy(run),
    run_list: () => ({ runs: runs.map((run) => ({ ...run, steps: [] })) }),

    adapter_evaluate: async ({ adapter }, onEvent) => {
      for (let done = 1; done <= 12; done++) {
        await sleep(pace * 5)
        onEvent({ event: 'evaluation_progressed', adapter: adapter ?? 0, done, of: 12 })
      }
      const one = adapterBy(adapter)
      return { adapter: one.adapter, verdict: (one.verdict ??= shipVerdict()) }
    },
    remote_read: () => ({
      has_key: false,
      warning: 'Each evaluation will send seeds and pieces of your archive to this address.',
    }),
    remote_set: ({ address, model, key }) => ({
      address: address || null,
      model,
      has_key: !!key,
      warning: '',
    }),
    evaluation_stop: () => ({}),
    prompt_optimize: () => ({
      by_bits: 'up to 8 of your pieces on similar topics, as one document',
      by_voice: 'up to 4 of your newest pieces, as a conversation',
      tried: [],
      bare: 1.142,
      heard: [],
    }),
    adapter_list: view,
    adapter_promote: ({ adapter }) => activate(adapter || null),
    adapter_retire: ({ adapter }) => {
      const one = adapterBy(adapter)
      if (one.status === 'active') activate(null)
      one.status = 'retired'
      return view()
    },
    adapter_rollback: () => activate(ghosts.previous || null),
    adapter_export: ({ out }) => ({
      path: out,
      files: ['adapter_config.json', 'adapter_model.safetensors', 'card.json'],
    }),
    readiness_read: () =>
      makeReadiness(
        archive.pieces,
        drafts.filter((one) => one.shipped_text != null).length,
        history,
      ),
    doctor: () => ({
      ok: true,
      findings: [{ about: 'store', ok: true, sentence: 'The database is intact.' }],
    }),
  }

  return {
    calls,
    emit,
    drop: (drop) => dropListeners.forEach((onDrop) => onDrop(drop)),
    fail: (name, failure, times = 1) => void failures.set(name, { failure, times }),
    picks: undefined,
    async call<C extends CommandName>(
      name: C,
      request: Request<C>,
      onEvent: OnEvent = () => {},
    ): Promise<Answer<C>> {
      calls.push({ name, request: structuredClone(request) })
      const failing = failures.get(name)
      if (failing && failing.times-- > 0) throw failing.failure
      const command: Table[C] = table[name]
      // As over the wire: request, answer and events are copies.
      return structuredClone(
        await command(structuredClone(request), (event) => onEvent(structuredClone(event))),
      )
    },
    listen(onEvent) {
      listeners.add(onEvent)
      return () => void listeners.delete(onEvent)
    },
    onDrop(onDrop) {
      dropListeners.add(onDrop)
      const stop = listenToBrowserDrops(onDrop)
      return () => (dropListeners.delete(onDrop), stop())
    },
    pickFiles() {
      return Promise.resolve(this.picks ?? ['/home/writer/base.gguf'])
    },
    pickFolder() {
      return Promise.resolve(this.picks?.[0] ?? '/home/writer/notes')
    },
  }
}

/** Drops on a browser's window. A browser tells only file names, so the folder is made up. */
function listenToBrowserDrops(onDrop: (drop: Drop) => void): () => void {
  const over = (event: DragEvent): void => (event.preventDefault(), onDrop({ over: true }))
  const leave = (event: DragEvent): void =>
    void (event.relatedTarget === null && onDrop({ over: false }))
  const drop = (event: DragEvent): void => {
    event.preventDefault()
    onDrop({
      paths: [...(event.dataTransfer?.files ?? [])].map((file) => `/home/writer/${file.name}`),
    })
  }
  addEventListener('dragover', over)
  addEventListener('dragleave', leave)
  addEventListener('drop', drop)
  return () => {
    removeEventListener('dragover', over)
    removeEventListener('dragleave', leave)
    removeEventListener('drop', drop)
  }
}

const WARNINGS = [
  {
    path: '/home/writer/site/content/2019/scan.md',
    reason: 'Skipped: not a text file.',
  },
  {
    path: '/home/writer/site/content/2021/draft-notes.md',
    reason: 'The front matter on line 1 has no end.',
  },
]

const makePieces = (n: number): PieceView[] =>
  Array.from({ length: n }, (_, at) => makePiece(n - at, undefined, at, n))

function makePiece(piece: number, source?: string, at = 0, of = 1): PieceView {
  const split: SplitName =
    of > 20 && at < of * 0.15 ? 'test' : of > 20 && at < of * 0.25 ? 'validation' : 'train'
  const kind = at % 7 === 3 ? 'log' : at % 11 === 5 ? 'recipes' : 'post'
  const title = source
    ? source
        .split('/')
        .at(-1)!
        .replace(/\.\w+$/, '')
    : TITLES[at % TITLES.length]! +
      (at >= TITLES.length ? ` ${Math.floor(at / TITLES.length) + 1}` : '')
  return {
    piece,
    kind,
    title,
    date: at % 17 === 9 ? null : daysAgo(at * 9).slice(0, 10),
    words: 180 + ((piece * 197) % 900),
    split,
    source: source ?? `/home/writer/site/content/${title.toLowerCase().replaceAll(' ', '-')}.md`,
    unfinished: at % 23 === 7,
    author: null,
    own: true,
  }
}

function makeDraft(draft: number, topic: string, days: number, shipped = false): DraftView {
  const edited = DRAFT.replace('out of laziness more than thought', 'out of laziness').replace(
    'flat as a table and quite without character',
    'flat as a table',
  )
  return {
    draft,
    text: DRAFT,
    working_text: edited,
    shipped_text: shipped ? edited : null,
    tokens: 262,
    seconds: 14.2,
    tokens_per_second: 18.4,
    seed: {
      topic,
      angle: 'wear is the shape of the work',
      words: 200,
      kind: 'post',
      points: ['the hollow in the middle', 'forty years of Saturdays', 'a second, flat stone'],
    },
    written_by: '2',
    random_seed: 7,
    ended: 'finished',
    written_at: daysAgo(days),
  }
}

function makeStep(n: number, of: number): StepView {
  const loss = 2.35 + 1.15 * Math.exp(-n / 34) + 0.16 * Math.sin(n * 1.7) * Math.cos(n * 0.61)
  return {
    n,
    of,
    loss,
    learning_rate: 0.0004,
    tokens_per_second: 210 + 14 * Math.sin(n),
    seconds_left: (of - n) * 3.4,
    peak_bytes: 1.42e9,
    validation_bits_per_byte: n % 15 === 0 || n === 1 ? 0.982 + 0.17 * Math.exp(-n / 40) : null,
  }
}

function makeRun(run: number, days: number, adapter: number): RunView {
  const steps = Array.from({ length: 120 }, (_, n) => makeStep(n + 1, 120))
  return {
    run,
    state: 'done',
    recipe: run % 2 ? 'quick' : 'nightly',
    n_rows: 160 + run * 20,
    notes: ['All rows fit the time limit, three times over.'],
    step: steps.at(-1)!,
    steps,
    adapter,
    verdict: run % 2 ? unprovenVerdict() : shipVerdict(),
    started_at: daysAgo(days),
    ended_at: daysAgo(days - 0.02),
  }
}

function makeAdapter(
  adapter: number,
  days: number,
  status: AdapterView['status'],
  verdict: VerdictView,
): AdapterView {
  return {
    adapter,
    status,
    base: 'SmolLM2 135M Instruct',
    run: adapter,
    recipe: adapter % 2 ? 'quick' : 'nightly',
    n_rows: 160 + adapter * 20,
    verdict,
    made_at: daysAgo(days),
    path: `/home/writer/.ghost/adapters/${adapter}`,
  }
}

const shipVerdict = (): VerdictView => ({
  decision: 'SHIP',
  reasons: [
    'On 7 of 8 test pieces it was closer to you than the best alternative.',
    'It needs 5.8 % fewer bits than the best alternative (p = 0.008).',
  ],
  measures: {
    pieces: 8,
    base: 1.142,
    prompt: 1.071,
    adapter: 1.009,
    incumbent: 1.034,
    gain: 0.058,
    interval: [0.021, 0.094],
    p_value: 0.0078,
    wins: 7,
    style: [0.612, 0.583],
    edits: null,
    voice: {
      seeds: 8,
      own: { mean: 0.88, low: 0.74, high: 1.01 },
      adapter: { mean: 0.61, low: 0.48, high: 0.73 },
      prompt: { mean: 0.38, low: 0.22, high: 0.53 },
      base: { mean: 0.04, low: -0.06, high: 0.15 },
      gain: { mean: 0.23, low: 0.09, high: 0.36 },
      incumbent: 0.57,
      strangers: 0.08,
      base_separation: 0.97,
      p_value: 0.012,
      wins: 7,
      floor: ['essayist 1', 'essayist 2', 'weblog 4'],
      human: [0.64, 0.4],
      bot: [0.7, 0.35],
    },
    guards: [
      {
        guard: 'copied_run',
        touched: 0,
        of: 8,
        sentence: 'No passage is copied from your pieces.',
      },
      {
        guard: 'repetition',
        touched: 0,
        of: 8,
        sentence: '1.2 % of four-word sequences are repeated (your pieces: 3 %).',
      },
    ],
  },
})
const unprovenVerdict = (): VerdictView => ({
  decision: 'UNPROVEN',
  reasons: ['Only 5 test pieces; at least 8 are needed for a verdict.'],
  measures: {
    pieces: 5,
    base: 1.151,
    prompt: 1.084,
    adapter: 1.062,
    incumbent: null,
    gain: 0.02,
    interval: [-0.03, 0.071],
    p_value: 0.19,
    wins: 3,
    voice: null,
    style: null,
    edits: null,
    guards: [],
  },
})

/** A simple word diff; the app's own is computed in Rust. */
function makeEdit(draft: DraftView, text: string): EditView {
  const a = draft.text.match(/\s+|[^\s]+/g) ?? []
  const b = text.match(/\s+|[^\s]+/g) ?? []
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1))
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i]![j] =
        a[i] === b[j]
          ? common[i + 1]![j + 1]! + 1
          : Math.max(common[i + 1]![j]!, common[i]![j + 1]!)
    }
  }
  const segments: SegmentView[] = []
  let [i, j, cut, added, kept, changed] = [0, 0, '', '', 0, 0]
  const close = (): void => {
    if (cut !== '' || added !== '') segments.push({ cut, added })
    cut = added = ''
  }
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      close()
      const last = segments.at(-1)
      if (last?.same != null) last.same += a[i]
      else segments.push({ same: a[i] })
      if (a[i]!.trim()) kept++
      i++
      j++
    } else if (j >= b.length || (i < a.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      if (a[i]!.trim()) changed++
      cut += a[i++]
    } else added += b[j++]
  }
  close()
  const draftWords = wordsOf(draft.text)
  return {
    draft: draft.draft,
    edit: null,
    row: null,
    segments,
    draft_words: draftWords,
    shipped_words: wordsOf(text),
    kept_ratio: draftWords === 0 ? 1 : kept / Math.max(1, kept + changed),
    edit_distance: changed / Math.max(1, draftWords),
    notation: segments.map((one) => one.same ?? `[${one.cut}/${one.added}]`).join(''),
  }
}

const makeSeed = ({ piece, title, words, kind }: PieceView): PieceSeed => ({
  piece,
  seed: { topic: title, words, kind, points: ['gouge', 'steel', 'stone'] },
  request: `Write a ${kind} of about ${words} words about ${title}.\nCover:\n- gouge\n- steel\n- stone`,
  origin: 'extracted',
  saves: 0.03,
  leak: null,
})

/** A readiness report; with a history it recommends fine-tuning. */
function makeReadiness(pieces: PieceView[], pairs: number, history: boolean): ReadinessView {
  const words = pieces.reduce((sum, piece) => sum + piece.words, 0)
  const test = pieces.filter((piece) => piece.split === 'test').length
  const enough = pieces.length >= 12
  const ceiling =
    'your best prompt gets 51 % of the way to your voice on 9 test seeds; the last adapter got 83 %'
  const reached = history ? ceiling : 'not measured yet'
  const own = `${pieces.length} pieces, ${words.toLocaleString('en')} words`
  return {
    recommendation: enough ? (history ? 'fine_tune' : 'optimize_prompt') : 'skip',
    sentence: !enough
      ? `Not yet: ${own} are not enough to learn a voice.`
      : history
        ? `Fine-tune: you have enough writing (${own}), and ${ceiling}.`
        : `Try a prompt first: you have enough writing (${own}), but no prompt has been measured yet. A prompt is free and may be enough.`,
    maturity: Math.min(1, pieces.length / 24),
    ceiling: history ? 0.51 : null,
    material: {
      pieces: pieces.length,
      words,
      usable_pieces: pieces.length,
      usable_words: words,
      pairs,
      test,
    },
    skip: [
      {
        what: 'Not enough of your writing yet',
        holds: !enough,
        figure: `${own} usable, ${pairs} edits`,
      },
      { what: 'A prompt is already enough', holds: history ? false : null, figure: reached },
      {
        what: 'The source material is the problem',
        holds: false,
        figure: `97 % of ${words.toLocaleString('en')} words are usable (2 duplicates)`,
      },
      {
        what: 'Your edits fix facts, not style',
        holds: null,
        figure: '8 % of the words you changed in 1 edit are numbers, names and addresses',
      },
      {
        what: 'A gain could not be proven',
        holds: test < 8,
        figure: `${test} test pieces; at least 8 are needed`,
      },
    ],
    go: [
      {
        what: 'Enough writing to learn from and to test with',
        holds: enough && test >= 8,
        figure: `${own}, ${test} for testing`,
      },
      { what: 'The best prompt falls short', holds: history ? true : null, figure: reached },
      {
        what: 'You make the same edits again and again',
        holds: null,
        figure: `${pairs} edits; at least 10 are needed`,
      },
      {
        what: 'You would use it',
        holds: history,
        figure: `${history ? 6 : 0} drafts in the last 30 days`,
      },
    ],
    costs: {
      as_of: '2026-11-01',
      currency: 'USD',
      runs_a_month: 8,
      table: '/home/writer/.ghost/prices.toml',
      own_table: false,
      rungs: [
        {
          place: 'here',
          one_run: history ? 0.0045 : null,
          a_month: history ? 0.04 : null,
          hours: history ? 1.9 : null,
          energy: history ? 0.12 : null,
          sentence: history
            ? 'This computer: the last run took 14 minutes. Per month: 1.9 hours and 0.12 kWh at 65 W, 0.04 USD. Nothing leaves this computer.'
            : 'This computer: not measured yet; finish one run to see its hours. Nothing leaves this computer.',
        },
        {
          place: 'hosted',
          one_run: 0.36,
          a_month: 2.89,
          hours: null,
          energy: null,
          sentence: 'Trained and served by a model provider. Your archive leaves this computer.',
        },
        {
          place: 'serverless',
          one_run: 0.02,
          a_month: 0.17,
          hours: null,
          energy: null,
          sentence: 'An adapter on shared GPUs. Your archive leaves this computer.',
        },
        {
          place: 'dedicated',
          one_run: 0,
          a_month: 1095,
          hours: null,
          energy: null,
          sentence: 'A rented GPU, day and night. Your archive leaves this computer.',
        },
      ],
    },
  }
}
