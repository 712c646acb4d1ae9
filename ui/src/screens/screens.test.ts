// The screens against the desk in memory: what a writer does, and what is there to see then.

import { render, screen, waitFor, within } from '@testing-library/svelte'
import userEvent from '@testing-library/user-event'
import { EditorView } from '@codemirror/view'
import { expect, test } from 'vitest'
import App from '../App.svelte'
import { demo, type Settings } from '../backend/demo'
import { Session } from '../state/session.svelte'

async function opened(settings: Settings = {}) {
  const desk = demo({ pace: 0, ...settings })
  render(App, { session: new Session(desk) })
  await screen.findByTestId('write')
  return { desk, user: userEvent.setup() }
}
const by = screen.getByTestId.bind(screen)
const sheet = () => EditorView.findFromDOM(by('editor'))!
/** What a reader is told without asking. */
const aloud = () => screen.getAllByRole('status').map((one) => one.textContent)
const type = (text: string) =>
  sheet().dispatch({ changes: { from: 0, insert: text }, userEvent: 'input.type' })

test('a topic, Write, and the draft lies on the sheet', async () => {
  const { user } = await opened({ lived: false })
  expect(by('write')).toHaveProperty('disabled', true)
  await user.type(by('seed-topic'), 'The oilstone')
  await user.keyboard('{Control>}{Enter}{/Control}')
  expect(by('stop')).toBeTruthy()
  await waitFor(() => expect(by('write')).toBeTruthy(), { timeout: 4_000 })
  expect(screen.getByLabelText('Draft').textContent).toContain('there is a hollow there as well.')
  expect(by('word-count').textContent).toMatch(/^\d+ words$/)
})

test('a long draft is said to be planned until it grows', async () => {
  const { user } = await opened({ lived: false, pace: 5 })
  await user.type(by('seed-topic'), 'The oilstone')
  await user.type(by('seed-words'), '900')
  await user.click(by('write'))
  const paper = await screen.findByLabelText('Draft')
  await waitFor(() => expect(paper.textContent).toBe('The ghost is planning the sections …'))
  await waitFor(() => expect(paper.textContent).toContain('The stone'))
  expect(paper.textContent).not.toContain('planning')
  expect(paper.getAttribute('tabindex')).toBe('0')
  await user.click(by('stop'))
})

test('what the writer types is kept and said to be saved', async () => {
  const { desk } = await opened()
  await screen.findByTestId('editor')
  type('Once. ')
  await waitFor(() => expect(by('saved').textContent).toBe('saving …'))
  expect(aloud()).toEqual([''])
  await waitFor(() => expect(by('saved').textContent).toBe('saved just now'))
  expect(aloud()).toEqual([''])
  expect(desk.asked.at(-1)).toMatchObject({ name: 'draft_save', request: { draft: 2 } })
  expect((desk.asked.at(-1)?.request as { text: string }).text).toMatch(/^Once\. The stone/)
})

test('a save that fails shows its sentence and leaves the text', async () => {
  const { desk } = await opened()
  await screen.findByTestId('editor')
  desk.fail('draft_save', { code: 'disk_full', message: 'The disk is full.' })
  type('Once. ')
  expect((await screen.findByTestId('notice')).textContent).toContain('The disk is full.')
  expect(sheet().state.doc.toString()).toMatch(/^Once\./)
  expect(by('saved').textContent).toBe('not saved yet')
  expect(aloud()).toEqual(['not saved yet'])
})

test('the edit is drawn word by word, and shipping says which row it became', async () => {
  const { user } = await opened()
  await user.click(await screen.findByTestId('review'))
  await waitFor(() => expect(by('diff').querySelectorAll('del').length).toBeGreaterThan(0))
  expect(by('kept').textContent).toMatch(/^\d+ %$/)
  expect(screen.getByRole('region', { name: 'The edit' }).getAttribute('tabindex')).toBe('0')
  expect((await screen.findByTestId('unlike')).textContent).toContain('longer than yours')
  await user.click(by('ship'))
  expect((await screen.findByTestId('shipped')).textContent).toContain('row 215')
})

test('dropped files lead to the archive with a report and complaints', async () => {
  const { desk } = await opened()
  desk.drop({ paths: ['/w/new.md', '/w/photo.bin'] })
  const report = await screen.findByTestId('import-report')
  expect(report.textContent).toContain('1 piece read')
  expect(by('complaint').textContent).toContain('photo.bin')
  expect(by('nav-archive').getAttribute('aria-current')).toBe('page')
})

test('an import tells of each file and can be stopped', async () => {
  const { desk, user } = await opened()
  desk.drop({ paths: Array.from({ length: 400 }, (_, n) => `/w/${n}.md`) })
  const stop = await screen.findByTestId('stop-import')
  expect(aloud()).toEqual([''])
  await user.click(stop)
  expect((await screen.findByTestId('import-report')).textContent).toContain('Stopped')
  expect(aloud()).toEqual(['Stopped: 0 pieces read'])
})

test('the archive is narrowed by text, and a piece opens', async () => {
  const { user } = await opened()
  await user.click(by('nav-archive'))
  expect(await screen.findAllByTestId('piece-row')).toHaveLength(54)
  await user.type(by('filter-text'), 'sash')
  const rows = screen.getAllByTestId('piece-row')
  expect(rows.every((row) => row.textContent?.includes('sash'))).toBe(true)
  await user.click(rows[0]!)
  expect((await screen.findByTestId('piece-text')).textContent).toContain('The stone')
})

test('of two thousand pieces only those in sight are drawn', async () => {
  const { user } = await opened({ pieces: 2_000 })
  await user.click(by('nav-archive'))
  const rows = await screen.findAllByTestId('piece-row')
  expect(rows.length).toBeLessThan(100)
  expect(rows[0]?.closest('[role=listitem]')?.getAttribute('aria-setsize')).toBe('2000')
})

test('a run is started, stopped and gone on with', async () => {
  const { user } = await opened({ pace: 1 })
  await user.click(by('nav-learn'))
  await user.click(await screen.findByTestId('learn-start'))
  await waitFor(() => expect(by('step').textContent).toMatch(/^[1-9]\d* of 120$/))
  expect(within(by('curve')).getByRole('img').getAttribute('aria-label')).toContain('the loss is')
  await user.click(by('learn-stop'))
  await user.click(await screen.findByTestId('learn-goon'))
  await waitFor(() => expect(screen.queryByTestId('learn-stop')).toBeTruthy())
  await waitFor(() => expect(by('verdict').textContent).toContain('writes more like you'), {
    timeout: 4_000,
  })
})

test('rolling back lets the one before write again', async () => {
  const { user } = await opened()
  await user.click(by('nav-ghosts'))
  await waitFor(() => expect(by('ghost-name').textContent).toBe('SmolLM2 135M, adapter 2'))
  expect(screen.getAllByTestId('adapter-row')).toHaveLength(2)
  expect(screen.getAllByTestId('adapter-row')[0]?.textContent).toContain('and writes from now on')
  await waitFor(() => expect(by('roll-back')).toHaveProperty('disabled', false))
  await user.click(by('roll-back'))
  await waitFor(() => expect(by('ghost-name').textContent).toBe('SmolLM2 135M, adapter 1'))
  expect(screen.getAllByTestId('adapter-row')[0]?.textContent).toContain('you can let it write')
  await user.click(by('nav-write'))
  expect(by('ghost-writes').textContent).toBe('Written by SmolLM2 135M, adapter 1')
})

test('a model elsewhere stands beside only once it is entered and allowed', async () => {
  const { desk, user } = await opened()
  await user.click(by('nav-ghosts'))
  expect((await screen.findByTestId('elsewhere-line')).textContent).toContain('nobody elsewhere')
  await user.click(by('elsewhere-open'))
  await user.type(await screen.findByTestId('elsewhere-address'), 'https://models.example/v1')
  await user.type(by('elsewhere-model'), 'large')
  expect(by('elsewhere')?.textContent).toContain('send seeds and pieces of your archive')
  expect(by('elsewhere-save')).toHaveProperty('disabled', true)
  await user.click(by('elsewhere-may'))
  desk.fail('elsewhere_set', { code: 'bad_input', message: 'The address begins with https://.' })
  await user.click(by('elsewhere-save'))
  expect((await screen.findByRole('alert')).textContent).toContain('begins with https://')
  await user.click(by('elsewhere-save'))
  await waitFor(() =>
    expect(by('elsewhere-line').textContent).toContain(
      'also ask large at https://models.example/v1',
    ),
  )
  await user.click(by('elsewhere-open'))
  await user.click(await screen.findByTestId('elsewhere-forget'))
  await waitFor(() => expect(by('elsewhere-line').textContent).toContain('nobody elsewhere'))
})

test('a sheet is put away by a click beside it, not by a drag out of a field, and no shortcut reaches under it', async () => {
  const { user } = await opened()
  await user.click(by('nav-ghosts'))
  await user.click(await screen.findByTestId('elsewhere-open'))
  const field = await screen.findByTestId('elsewhere-address')
  const beside = screen.getByRole('dialog')
  await user.pointer([
    { keys: '[MouseLeft>]', target: field },
    { target: beside },
    { keys: '[/MouseLeft]', target: beside },
  ])
  await user.keyboard('{Control>}1{/Control}')
  expect(screen.queryByTestId('elsewhere-address')).toBeTruthy()
  expect(by('nav-ghosts').getAttribute('aria-current')).toBe('page')
  await user.click(beside)
  await waitFor(() => expect(screen.queryByTestId('elsewhere-address')).toBeNull())
  await user.keyboard('{Control>}1{/Control}')
  expect(by('nav-write').getAttribute('aria-current')).toBe('page')
})

test('without a base there is a card that asks for one', async () => {
  const { user } = await opened({ base: false, lived: false })
  await user.click(by('base-pick'))
  await waitFor(() => expect(screen.queryByTestId('base-pick')).toBeNull())
  expect(by('notice').textContent).toContain('is the base from now on')
})

test('a desk that cannot be opened says why, and is tried again', async () => {
  const desk = demo({ pace: 0 })
  desk.fail('desk_read', { code: 'folder_in_use', message: 'Another window has this folder open.' })
  render(App, { session: new Session(desk) })
  const user = userEvent.setup()
  expect(await screen.findByText('Another window has this folder open.')).toBeTruthy()
  await user.click(screen.getByText('Try again'))
  expect(await screen.findByTestId('write')).toBeTruthy()
})

test('whether to fine-tune at all is answered with figures', async () => {
  const { user } = await opened()
  await user.click(by('nav-learn'))
  await user.click(await screen.findByTestId('fit-open'))
  expect((await screen.findByTestId('fit')).textContent).toContain('51 % of the way')
  expect(screen.getAllByTestId('reason')).toHaveLength(9)
})
