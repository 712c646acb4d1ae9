// The run at work, followed step by step, and the runs before it.

import type { Backend } from '../backend'
import type { Event as DeskEvent, RunStateName, RunView, StepView } from '../wire'
import type { Notices } from './notices.svelte'

const AT_WORK: RunStateName[] = ['learning', 'judging']
const UNFINISHED: RunStateName[] = ['waiting', 'stopped', 'interrupted']

export class Learning {
  /** The run on the screen, with its curve. */
  run = $state<RunView>()
  /** All runs, the newest first, without their curves. */
  runs = $state<RunView[]>([])
  recipe = $state<'quick' | 'nightly'>('quick')
  /** At most so many; no limit of the writer's where absent. */
  minutes = $state<number | null>(null)
  asking = $state(false)
  /** How much of a verdict is measured, from 0 to 1. */
  measured = $state<number>()
  /** The run that this page has just asked for, until the desk says how it does. */
  #asked = $state<number>()

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
  ) {}

  readonly atWork = $derived(this.run !== undefined && this.#works(this.run))
  readonly unfinished = $derived(
    this.run !== undefined && !this.atWork && UNFINISHED.includes(this.run.state),
  )

  async resume(run: RunView | null | undefined): Promise<void> {
    await this.list()
    const id = run?.run ?? this.runs[0]?.run
    if (id !== undefined) await this.read(id)
  }

  async list(): Promise<void> {
    const list = await this.notices.attempt('runs', () => this.backend.call('run_list', {}))
    if (list) this.runs = list.runs
  }

  /** Shows a run. */
  async read(id: number): Promise<void> {
    const run = await this.notices.attempt('run', () => this.backend.call('run_read', { run: id }))
    if (run) this.run = run
  }

  /** The newest run again, for instance after the screen was away. */
  async refresh(): Promise<void> {
    await this.list()
    const id = this.atWork ? this.run?.run : (this.run?.run ?? this.runs[0]?.run)
    if (id !== undefined) await this.read(id)
  }

  /** Begins a run of its own, even where one could be gone on with. */
  start(): Promise<void> {
    const minutes = this.minutes && this.minutes > 0 ? this.minutes : null
    return this.#ask('run_start', { recipe: this.recipe, minutes, new: true })
  }

  goOn(): Promise<void> {
    return this.#ask('run_start', { new: false })
  }

  stop(): Promise<void> {
    return this.#ask('run_stop', {})
  }

  async #ask<C extends 'run_start' | 'run_stop'>(
    name: C,
    request: Parameters<typeof this.backend.call<C>>[1],
  ): Promise<void> {
    if (this.asking) return
    this.asking = true
    const run = await this.notices.attempt('run', () =>
      this.backend.call<'run_start' | 'run_stop'>(name, request),
    )
    this.asking = false
    if (!run) return
    if (name === 'run_start') this.#asked = run.run
    this.#take(run)
    await this.list()
  }

  heard(event: DeskEvent): void {
    switch (event.event) {
      case 'run_changed':
        this.#take(event.run)
        this.#enlist(event.run)
        return
      case 'run_stepped':
        return this.#stepped(event.run, event.step)
      case 'run_progressed':
        if (this.run?.run === event.run) this.run.progress = event.progress
        return
      case 'judge_progressed':
        // Another adapter may be judged meanwhile.
        if (this.run?.state === 'judging' && this.run.adapter === event.adapter)
          this.measured = event.done / Math.max(event.of, 1)
        return
      case 'verdict_reached':
        this.measured = undefined
        if (this.run?.adapter === event.adapter) this.run.verdict = event.verdict
        return void this.list()
    }
  }

  /** A run that waits may wait for nobody: only the one just asked for is sure to begin. */
  #works(run: RunView): boolean {
    return AT_WORK.includes(run.state) || (run.state === 'waiting' && run.run === this.#asked)
  }

  /** How a run stands now. Its curve is kept where the news leaves it out. */
  #take(news: RunView): void {
    if (news.run === this.#asked && news.state !== 'waiting') this.#asked = undefined
    if (this.run?.run !== news.run) {
      // The screen follows the run at work, wherever it was started from.
      if (this.run && !this.#works(news)) return
      this.run = news
      if (news.steps.length === 0 && news.step) void this.read(news.run)
      return
    }
    const steps = news.steps.length > 0 ? news.steps : this.run.steps
    this.run = { ...news, steps, step: news.step ?? this.run.step }
  }

  #enlist(run: RunView): void {
    const at = this.runs.findIndex((one) => one.run === run.run)
    if (at < 0) this.runs.unshift(run)
    else this.runs[at] = run
  }

  #stepped(id: number, step: StepView): void {
    if (this.run?.run !== id) {
      void this.read(id)
      return
    }
    // A run that goes on may repeat steps after its last checkpoint: the later ones count.
    while ((this.run.steps.at(-1)?.n ?? 0) >= step.n) this.run.steps.pop()
    this.run.steps.push(step)
    this.run.step = step
    if (this.run.state === 'waiting') this.run.state = 'learning'
  }
}
