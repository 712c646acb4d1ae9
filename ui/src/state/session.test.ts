// The state of the page, without markup, against the demo backend.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { demo, type Settings } from '../backend/demo'
import type { Event as DeskEvent, StepView } from '../wire'
import { Session } from './session.svelte'

beforeEach(
  () =>
    void vi.useFakeTimers({
      toFake: [
        'setTimeout',
        'clearTimeout',
        'setInterval',
        'clearInterval',
        'Date',
        'requestAnimationFrame',
        'cancelAnimationFrame',
      ],
    }),
)
afterEach(() => void vi.useRealTimers())

async function opened(settings: Settings = {}) {
  const desk = demo({ pace: 1, ...settings })
  const session = new Session(desk)
  const close = session.open()
  await vi.advanceTimersByTimeAsync(0)
  return { desk, session, close }
}
const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const step = (n: number): StepView => ({
  n,
  of: 9,
  loss: 3,
  learning_rate: 0,
  tokens_per_second: 1,
  seconds_left: 1,
  peak_bytes: 1,
})

test('the last open draft is restored with the writer’s text', async () => {
  const { session } = await opened()
  expect(session.drafts.draft?.draft).toBe(2)
  expect(session.drafts.text).toBe(session.drafts.draft?.working_text)
  expect(session.drafts.text).not.toBe(session.drafts.draft?.text)
})

test('the seed form is restored, and every change is saved', async () => {
  const { desk, session } = await opened()
  expect(session.drafts.points.split('\n')).toHaveLength(3)
  session.drafts.topic = 'Rain on slate'
  session.drafts.formChanged()
  await wait(300)
  expect(desk.calls.at(-1)).toMatchObject({
    name: 'form_save',
    request: { topic: 'Rain on slate' },
  })
})

test('a draft streams in per frame and ends with its last event, not with the answer', async () => {
  const { desk, session } = await opened()
  session.drafts.topic = 'The oilstone'
  const writing = session.drafts.write()
  await wait(60)
  expect(session.drafts.writing).toBe(true)
  expect(session.drafts.text.length).toBeGreaterThan(10)
  await wait(3_000)
  await writing
  expect(session.drafts.writing).toBe(false)
  expect(session.drafts.text).toBe(session.drafts.draft?.text)
  expect(desk.calls.filter(({ name }) => name === 'draft_save')).toEqual([])
})

test('a stopped draft keeps its text', async () => {
  const { session } = await opened()
  const writing = session.drafts.write()
  await wait(60)
  await session.drafts.stop()
  await wait(100)
  await writing
  expect(session.drafts.draft?.ended).toBe('stopped')
  expect(session.drafts.text).not.toBe('')
})

test('a failed draft shows why and leaves the open draft unchanged', async () => {
  const { desk, session } = await opened()
  const before = session.drafts.text
  desk.fail('draft_write', { code: 'busy', message: 'A draft is already being written.' })
  await session.drafts.write()
  expect(session.notices.list).toMatchObject([
    { message: 'A draft is already being written.', tone: 'error' },
  ])
  expect(session.drafts.text).toBe(before)
  expect(session.drafts.writing).toBe(false)
})

test('the open text survives when neither a new draft nor the old one can be read', async () => {
  const { desk, session } = await opened()
  session.drafts.textChanged('My text.')
  desk.fail('draft_write', { code: 'io', message: 'The folder is missing.' })
  desk.fail('draft_read', { code: 'io', message: 'The folder is missing.' })
  await session.drafts.write()
  expect(session.drafts.draft?.draft).toBe(2)
  expect(session.drafts.text).toBe('My text.')
  expect(session.drafts.locked).toBe(false)
})

test('every change of the text is saved within a second', async () => {
  const { desk, session } = await opened()
  session.drafts.textChanged('My text.')
  await wait(250)
  expect(desk.calls.at(-1)).toEqual({
    name: 'draft_save',
    request: { draft: 2, text: 'My text.' },
  })
})

test('a failed save shows one notice, is retried, and clears the notice', async () => {
  const { desk, session } = await opened()
  desk.fail('draft_save', { code: 'disk_full', message: 'The disk is full.' }, 2)
  session.drafts.textChanged('My text.')
  await wait(300)
  expect(session.notices.list).toHaveLength(1)
  expect(session.notices.list[0]?.message).toContain('The disk is full.')
  await wait(4_000)
  expect(session.notices.list).toEqual([])
  expect(desk.calls.at(-1)?.request).toEqual({ draft: 2, text: 'My text.' })
})

test('another draft opens only after the current one is saved', async () => {
  const { desk, session } = await opened()
  session.drafts.textChanged('My text.')
  desk.fail('draft_save', { code: 'io', message: 'The folder is missing.' })
  await session.drafts.open(1)
  expect(session.drafts.draft?.draft).toBe(2)
  expect(session.drafts.text).toBe('My text.')
  await session.drafts.open(1)
  expect(session.drafts.draft?.draft).toBe(1)
})

test('shipping returns the training row of the edit', async () => {
  const { session } = await opened()
  expect(session.drafts.canShip).toBe(true)
  await session.drafts.ship()
  expect(session.drafts.edit?.row).toBe(215)
  expect(session.drafts.canShip).toBe(false)
  expect(session.drafts.locked).toBe(true)
})

test('dropped files are imported on the Archive screen', async () => {
  const { desk, session } = await opened()
  desk.drop({ over: true })
  expect(session.dragging).toBe(true)
  desk.drop({ paths: ['/home/writer/new.md', '/home/writer/photo.bin'] })
  await wait(100)
  expect(session.dragging).toBe(false)
  expect(session.screen).toBe('archive')
  expect(session.archive.report).toMatchObject({ pieces: 1, added: 1 })
  expect(session.archive.report?.warnings).toHaveLength(1)
})

test('a dropped base model is used without a change of screen', async () => {
  const { desk, session } = await opened({ base: false })
  expect(session.desk?.base).toBeNull()
  desk.drop({ paths: ['/home/writer/Big.GGUF'] })
  await wait(100)
  expect(session.desk?.base?.name).toContain('SmolLM2')
  expect(session.screen).toBe('write')
})

test('the archive is filtered by kind and text together', async () => {
  const { session } = await opened()
  await session.archive.load()
  session.archive.kind = 'log'
  expect(session.archive.filtered.length).toBeGreaterThan(0)
  expect(new Set(session.archive.filtered.map(({ kind }) => kind))).toEqual(new Set(['log']))
  session.archive.text = 'RYE'
  expect(session.archive.filtered.every(({ title }) => title.includes('rye'))).toBe(true)
})

test('an unwatched folder can be watched again', async () => {
  const { session } = await opened()
  await session.archive.load()
  const [folder] = session.archive.folders
  await session.archive.watch(folder!, false)
  expect(session.archive.view?.watched).toEqual([])
  expect(session.archive.folders).toEqual([folder])
})

test('an adapter is exported into its own folder', async () => {
  const { desk, session } = await opened()
  await session.adapters.load()
  desk.picks = ['/media/stick']
  await session.adapters.export(session.adapters.view!.adapters[0]!)
  expect(desk.calls.at(-1)?.request).toEqual({
    format: 'peft',
    adapter: 2,
    out: '/media/stick/ghost-adapter-2',
  })
})

test('a run is followed step by step to its verdict', async () => {
  const { session } = await opened()
  await session.runs.start()
  await wait(40)
  expect(session.runs.active).toBe(true)
  const steps = session.runs.run?.steps.length ?? 0
  expect(steps).toBeGreaterThan(3)
  await wait(2_000)
  expect(session.runs.run?.state).toBe('done')
  expect(session.runs.run?.steps).toHaveLength(120)
  expect(session.runs.run?.verdict?.decision).toBe('SHIP')
  expect(session.desk?.ghost).toBe('SmolLM2 135M, adapter 3')
})

test('a waiting run can be resumed; one just started is active until the desk reports otherwise', async () => {
  const { desk, session } = await opened()
  const { runs } = session
  runs.run = { ...runs.run!, state: 'waiting' }
  expect([runs.active, runs.resumable]).toEqual([false, true])
  await runs.start()
  expect(runs.run).toMatchObject({ run: 3, state: 'waiting' })
  expect([runs.active, runs.resumable]).toEqual([true, false])
  const [run] = (await desk.call('run_list', {})).runs
  desk.emit({ event: 'run_changed', run: { ...run!, state: 'interrupted' } })
  expect([runs.active, runs.resumable]).toEqual([false, true])
  desk.emit({ event: 'run_changed', run: { ...run!, state: 'waiting' } })
  expect([runs.active, runs.resumable]).toEqual([false, true])
})

test('the progress of an evaluation arrives in the command’s own stream', async () => {
  const { session } = await opened()
  const evaluation = session.adapters.evaluate(2)
  await wait(5)
  expect(session.adapters.progress).toBeCloseTo(1 / 12)
  await wait(100)
  await evaluation
  expect(session.adapters.evaluating).toBeUndefined()
})

test('progress of an evaluation updates only the run and the adapter that it is about', async () => {
  const { desk, session } = await opened()
  const { adapters, runs } = session
  runs.run = { ...runs.run!, state: 'evaluating', adapter: 2 }
  adapters.evaluating = 2
  const half: DeskEvent = { event: 'evaluation_progressed', adapter: 2, done: 6, of: 12 }
  desk.emit(half)
  desk.emit(half)
  desk.emit({ ...half, adapter: 1, done: 1 })
  expect([runs.evaluated, adapters.progress]).toEqual([0.5, 0.5])
})

test('a stopped run resumes on the same curve', async () => {
  const { session } = await opened()
  await session.runs.start()
  await wait(40)
  await session.runs.stop()
  await wait(20)
  expect(session.runs.resumable).toBe(true)
  const done = session.runs.run?.step?.n ?? 0
  await session.runs.resume()
  await wait(12)
  expect(session.runs.run?.steps[done]?.n).toBe(done + 1)
})

test('repeated steps after a checkpoint replace the older ones', async () => {
  const { desk, session } = await opened()
  const run = session.runs.run!
  session.runs.run = { ...run, state: 'learning', steps: [step(1), step(2), step(3)] }
  desk.emit({ event: 'run_stepped', run: run.run, step: step(2) })
  expect(session.runs.run?.steps.map(({ n }) => n)).toEqual([1, 2])
})

test('a failed start shows why and can be retried', async () => {
  const desk = demo({ pace: 1 })
  desk.fail('desk_read', { code: 'folder_in_use', message: 'Another window has this folder open.' })
  const session = new Session(desk)
  await session.start()
  expect(session.notices.list[0]?.message).toBe('Another window has this folder open.')
  await session.start()
  expect(session.desk?.version).toBe('0.1.0')
  expect(session.notices.list).toEqual([])
})
