// The training runs: the one on the screen, followed step by step, and the list of all.

import type { Backend } from '../backend'
import type { Event as DeskEvent, RunStateName, RunView, StepView } from '../wire'
import type { Notices } from './notices.svelte'

const ACTIVE: RunStateName[] = ['learning', 'evaluating']
const RESUMABLE: RunStateName[] = ['waiting', 'stopped', 'interrupted']

export class Runs {
  /** The run on the screen, with its curve. */
  run = $state<RunView>()
  /** All runs, newest first, without their curves. */
  list = $state<RunView[]>([])
  recipe = $state<'quick' | 'nightly'>('quick')
  /** Time limit of the next run; none if `null`. */
  minutes = $state<number | null>(null)
  /** A command is being answered. */
  pending = $state(false)
  /** Progress of the evaluation of the run's adapter, from 0 to 1. */
  evaluated = $state<number>()
  /** The run that this page has just started, until the desk reports its state. */
  #started = $state<number>()

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
  ) {}

  readonly active = $derived(this.run !== undefined && this.#isActive(this.run))
  readonly resumable = $derived(
    this.run !== undefined && !this.active && RESUMABLE.includes(this.run.state),
  )

  /** Shows the run that the desk reports as unfinished, or else the newest. */
  async restore(run: RunView | null | undefined): Promise<void> {
    await this.loadList()
    const id = run?.run ?? this.list[0]?.run
    if (id !== undefined) await this.open(id)
  }

  async loadList(): Promise<void> {
    const answer = await this.notices.attempt('runs', () => this.backend.call('run_list', {}))
    if (answer) this.list = answer.runs
  }

  /** Shows a run. */
  async open(id: number): Promise<void> {
    const run = await this.notices.attempt('run', () => this.backend.call('run_read', { run: id }))
    if (run) this.run = run
  }

  /** Loads the list and the run on the screen again, when the screen opens. */
  async refresh(): Promise<void> {
    await this.loadList()
    const id = this.run?.run ?? this.list[0]?.run
    if (id !== undefined) await this.open(id)
  }

  /** Starts a new run, even if another can be resumed. */
  start(): Promise<void> {
    const minutes = this.minutes && this.minutes > 0 ? this.minutes : null
    return this.#request('run_start', { recipe: this.recipe, minutes, new: true })
  }

  resume(): Promise<void> {
    return this.#request('run_start', { new: false })
  }

  stop(): Promise<void> {
    return this.#request('run_stop', {})
  }

  async #request<C extends 'run_start' | 'run_stop'>(
    name: C,
    request: Parameters<typeof this.backend.call<C>>[1],
  ): Promise<void> {
    if (this.pending) return
    this.pending = true
    const run = await this.notices.attempt('run', () =>
      this.backend.call<'run_start' | 'run_stop'>(name, request),
    )
    this.pending = false
    if (!run) return
    if (name === 'run_start') this.#started = run.run
    this.#update(run)
    await this.loadList()
  }

  onEvent(event: DeskEvent): void {
    switch (event.event) {
      case 'run_changed':
        this.#update(event.run)
        this.#updateList(event.run)
        return
      case 'run_stepped':
        return this.#addStep(event.run, event.step)
      case 'run_progressed':
        if (this.run?.run === event.run) this.run.progress = event.progress
        return
      case 'evaluation_progressed':
        // Another adapter may be under evaluation at the same time.
        if (this.run?.state === 'evaluating' && this.run.adapter === event.adapter) {
          this.evaluated = event.done / Math.max(event.of, 1)
        }
        return
      case 'verdict_reached':
        this.evaluated = undefined
        if (this.run?.adapter === event.adapter) this.run.verdict = event.verdict
        return void this.loadList()
    }
  }

  /** A waiting run may never begin, unless this page has just started it. */
  #isActive(run: RunView): boolean {
    return ACTIVE.includes(run.state) || (run.state === 'waiting' && run.run === this.#started)
  }

  /** Takes over the new state of a run. Keeps its curve if the news does not carry it. */
  #update(news: RunView): void {
    if (news.run === this.#started && news.state !== 'waiting') this.#started = undefined
    if (this.run?.run !== news.run) {
      // The screen follows the active run, wherever it was started.
      if (this.run && !this.#isActive(news)) return
      this.run = news
      if (news.steps.length === 0 && news.step) void this.open(news.run)
      return
    }
    const steps = news.steps.length > 0 ? news.steps : this.run.steps
    this.run = { ...news, steps, step: news.step ?? this.run.step }
  }

  #updateList(run: RunView): void {
    const at = this.list.findIndex((one) => one.run === run.run)
    if (at < 0) this.list.unshift(run)
    else this.list[at] = run
  }

  #addStep(id: number, step: StepView): void {
    if (this.run?.run !== id) {
      void this.open(id)
      return
    }
    // A resumed run repeats the steps since its last checkpoint: the newer ones replace the older.
    while ((this.run.steps.at(-1)?.n ?? 0) >= step.n) this.run.steps.pop()
    this.run.steps.push(step)
    this.run.step = step
    if (this.run.state === 'waiting') this.run.state = 'learning'
  }
}
