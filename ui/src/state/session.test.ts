// The state of the page without its markup, against the desk in memory.

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

test('the draft that was open is open again, with the writer’s own words', async () => {
  const { session } = await opened()
  expect(session.draft.draft?.draft).toBe(2)
  expect(session.draft.text).toBe(session.draft.draft?.working_text)
  expect(session.draft.text).not.toBe(session.draft.draft?.text)
})

test('the seed form comes back as it was left, and each change is kept', async () => {
  const { desk, session } = await opened()
  expect(session.draft.points.split('\n')).toHaveLength(3)
  session.draft.topic = 'Rain on slate'
  session.draft.formChanged()
  await wait(300)
  expect(desk.asked.at(-1)).toMatchObject({
    name: 'form_save',
    request: { topic: 'Rain on slate' },
  })
})

test('a draft grows by the frame and ends with its own last event, not with the answer', async () => {
  const { desk, session } = await opened()
  session.draft.topic = 'The oilstone'
  const writing = session.draft.write()
  await wait(60)
  expect(session.draft.writing).toBe(true)
  expect(session.draft.text.length).toBeGreaterThan(10)
  await wait(3_000)
  await writing
  expect(session.draft.writing).toBe(false)
  expect(session.draft.text).toBe(session.draft.draft?.text)
  expect(desk.asked.filter(({ name }) => name === 'draft_save')).toEqual([])
})

test('a stopped draft keeps what there is', async () => {
  const { session } = await opened()
  const writing = session.draft.write()
  await wait(60)
  await session.draft.stop()
  await wait(100)
  await writing
  expect(session.draft.draft?.ended).toBe('stopped')
  expect(session.draft.text).not.toBe('')
})

test('a draft that cannot be written says why and leaves the open one alone', async () => {
  const { desk, session } = await opened()
  const before = session.draft.text
  desk.fail('draft_write', { code: 'busy', message: 'The ghost is writing already.' })
  await session.draft.write()
  expect(session.notices.list).toMatchObject([
    { sentence: 'The ghost is writing already.', tone: 'trouble' },
  ])
  expect(session.draft.text).toBe(before)
  expect(session.draft.writing).toBe(false)
})

test('a draft that cannot be written nor the open one read leaves the sheet with its text', async () => {
  const { desk, session } = await opened()
  session.draft.textChanged('Mine now.')
  desk.fail('draft_write', { code: 'io', message: 'The folder is gone.' })
  desk.fail('draft_read', { code: 'io', message: 'The folder is gone.' })
  await session.draft.write()
  expect(session.draft.draft?.draft).toBe(2)
  expect(session.draft.text).toBe('Mine now.')
  expect(session.draft.locked).toBe(false)
})

test('every change of the text is on disk within a second', async () => {
  const { desk, session } = await opened()
  session.draft.textChanged('Mine now.')
  await wait(250)
  expect(desk.asked.at(-1)).toEqual({
    name: 'draft_save',
    request: { draft: 2, text: 'Mine now.' },
  })
})

test('a save that fails is said once, tried again, and then forgotten', async () => {
  const { desk, session } = await opened()
  desk.fail('draft_save', { code: 'disk_full', message: 'The disk is full.' }, 2)
  session.draft.textChanged('Mine now.')
  await wait(300)
  expect(session.notices.list).toHaveLength(1)
  expect(session.notices.list[0]?.sentence).toContain('The disk is full.')
  await wait(4_000)
  expect(session.notices.list).toEqual([])
  expect(desk.asked.at(-1)?.request).toEqual({ draft: 2, text: 'Mine now.' })
})

test('another draft is opened only when this one is on disk', async () => {
  const { desk, session } = await opened()
  session.draft.textChanged('Mine now.')
  desk.fail('draft_save', { code: 'io', message: 'The folder is gone.' })
  await session.draft.open(1)
  expect(session.draft.draft?.draft).toBe(2)
  expect(session.draft.text).toBe('Mine now.')
  await session.draft.open(1)
  expect(session.draft.draft?.draft).toBe(1)
})

test('shipping gives the row that the edit became', async () => {
  const { session } = await opened()
  expect(session.draft.canShip).toBe(true)
  await session.draft.ship()
  expect(session.draft.edit?.row).toBe(215)
  expect(session.draft.canShip).toBe(false)
  expect(session.draft.locked).toBe(true)
})

test('dropped files are read into the archive, on its own screen', async () => {
  const { desk, session } = await opened()
  desk.drop({ over: true })
  expect(session.over).toBe(true)
  desk.drop({ paths: ['/home/writer/new.md', '/home/writer/photo.bin'] })
  await wait(100)
  expect(session.over).toBe(false)
  expect(session.screen).toBe('archive')
  expect(session.archive.report).toMatchObject({ pieces: 1, added: 1 })
  expect(session.archive.report?.complaints).toHaveLength(1)
})

test('a dropped base is used, and the screen stays', async () => {
  const { desk, session } = await opened({ base: false })
  expect(session.desk?.base).toBeNull()
  desk.drop({ paths: ['/home/writer/Big.GGUF'] })
  await wait(100)
  expect(session.desk?.base?.name).toContain('SmolLM2')
  expect(session.screen).toBe('write')
})

test('the archive is narrowed by kind and by text together', async () => {
  const { session } = await opened()
  await session.archive.read()
  session.archive.kind = 'log'
  expect(session.archive.shown.length).toBeGreaterThan(0)
  expect(new Set(session.archive.shown.map(({ kind }) => kind))).toEqual(new Set(['log']))
  session.archive.text = 'RYE'
  expect(session.archive.shown.every(({ title }) => title.includes('rye'))).toBe(true)
})

test('a folder that is watched no more can be watched again', async () => {
  const { session } = await opened()
  await session.archive.read()
  const [folder] = session.archive.folders
  await session.archive.watch(folder!, false)
  expect(session.archive.view?.watched).toEqual([])
  expect(session.archive.folders).toEqual([folder])
})

test('an adapter is copied into a folder of its own', async () => {
  const { desk, session } = await opened()
  await session.ghosts.read()
  desk.picks = ['/media/stick']
  await session.ghosts.export(session.ghosts.view!.adapters[0]!)
  expect(desk.asked.at(-1)?.request).toEqual({
    format: 'peft',
    adapter: 2,
    out: '/media/stick/ghost-adapter-2',
  })
})

test('a run is followed step by step to its verdict', async () => {
  const { session } = await opened()
  await session.learning.start()
  await wait(40)
  expect(session.learning.atWork).toBe(true)
  const seen = session.learning.run?.steps.length ?? 0
  expect(seen).toBeGreaterThan(3)
  await wait(2_000)
  expect(session.learning.run?.state).toBe('done')
  expect(session.learning.run?.steps).toHaveLength(120)
  expect(session.learning.run?.verdict?.decision).toBe('SHIP')
  expect(session.desk?.ghost).toBe('SmolLM2 135M, adapter 3')
})

test('a run left waiting can be gone on with; one just asked for is at work until the desk says otherwise', async () => {
  const { desk, session } = await opened()
  const { learning } = session
  learning.run = { ...learning.run!, state: 'waiting' }
  expect([learning.atWork, learning.unfinished]).toEqual([false, true])
  await learning.start()
  expect(learning.run).toMatchObject({ run: 3, state: 'waiting' })
  expect([learning.atWork, learning.unfinished]).toEqual([true, false])
  const { runs } = await desk.call('run_list', {})
  desk.tell({ event: 'run_changed', run: { ...runs[0]!, state: 'interrupted' } })
  expect([learning.atWork, learning.unfinished]).toEqual([false, true])
  desk.tell({ event: 'run_changed', run: { ...runs[0]!, state: 'waiting' } })
  expect([learning.atWork, learning.unfinished]).toEqual([false, true])
})

test('how much of a verdict is measured is told by the answer’s own stream', async () => {
  const { session } = await opened()
  const judging = session.ghosts.judge(2)
  await wait(5)
  expect(session.ghosts.measured).toBeCloseTo(1 / 12)
  await wait(100)
  await judging
  expect(session.ghosts.judging).toBeUndefined()
})

test('news of a verdict reaches the run and the adapters, and only those it is about', async () => {
  const { desk, session } = await opened()
  const { ghosts, learning } = session
  learning.run = { ...learning.run!, state: 'judging', adapter: 2 }
  ghosts.judging = 2
  const half: DeskEvent = { event: 'judge_progressed', adapter: 2, done: 6, of: 12 }
  desk.tell(half)
  desk.tell(half)
  desk.tell({ ...half, adapter: 1, done: 1 })
  expect([learning.measured, ghosts.measured]).toEqual([0.5, 0.5])
})

test('a stopped run can be gone on with, on the same curve', async () => {
  const { session } = await opened()
  await session.learning.start()
  await wait(40)
  await session.learning.stop()
  await wait(20)
  expect(session.learning.unfinished).toBe(true)
  const done = session.learning.run?.step?.n ?? 0
  await session.learning.goOn()
  await wait(12)
  expect(session.learning.run?.steps[done]?.n).toBe(done + 1)
})

test('steps that are repeated after a checkpoint replace the older ones', async () => {
  const { desk, session } = await opened()
  const run = session.learning.run!
  session.learning.run = { ...run, state: 'learning', steps: [step(1), step(2), step(3)] }
  desk.tell({ event: 'run_stepped', run: run.run, step: step(2) })
  expect(session.learning.run?.steps.map(({ n }) => n)).toEqual([1, 2])
})

test('a desk that cannot be read says so, and can be tried again', async () => {
  const desk = demo({ pace: 1 })
  desk.fail('desk_read', { code: 'folder_in_use', message: 'Another window has this folder open.' })
  const session = new Session(desk)
  await session.start()
  expect(session.notices.list[0]?.sentence).toBe('Another window has this folder open.')
  await session.start()
  expect(session.desk?.version).toBe('0.1.0')
  expect(session.notices.list).toEqual([])
})
