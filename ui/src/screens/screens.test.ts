// The screens against the demo backend: what a writer does and then sees.

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
const editor = () => EditorView.findFromDOM(by('editor'))!
/** What a screen reader announces by itself. */
const announced = () => screen.getAllByRole('status').map((one) => one.textContent)
const type = (text: string) =>
  editor().dispatch({ changes: { from: 0, insert: text }, userEvent: 'input.type' })

test('a topic and Write fill the editor with a draft', async () => {
  const { user } = await opened({ history: false })
  expect(by('write')).toHaveProperty('disabled', true)
  await user.type(by('seed-topic'), 'The oilstone')
  await user.keyboard('{Control>}{Enter}{/Control}')
  expect(by('stop')).toBeTruthy()
  await waitFor(() => expect(by('write')).toBeTruthy(), { timeout: 4_000 })
  expect(screen.getByLabelText('Draft').textContent).toContain('there is a hollow there as well.')
  expect(by('word-count').textContent).toMatch(/^\d+ words$/)
})

test('a long draft shows that it is being planned until text arrives', async () => {
  const { user } = await opened({ history: false, pace: 5 })
  await user.type(by('seed-topic'), 'The oilstone')
  await user.type(by('seed-words'), '900')
  await user.click(by('write'))
  const content = await screen.findByLabelText('Draft')
  await waitFor(() => expect(content.textContent).toBe('Planning the sections…'))
  await waitFor(() => expect(content.textContent).toContain('The stone'))
  expect(content.textContent).not.toContain('Planning')
  expect(content.getAttribute('tabindex')).toBe('0')
  await user.click(by('stop'))
})

test('what the writer types is saved and the status says so', async () => {
  const { desk } = await opened()
  await screen.findByTestId('editor')
  type('Once. ')
  await waitFor(() => expect(by('saved').textContent).toBe('Saving…'))
  expect(announced()).toEqual([''])
  await waitFor(() => expect(by('saved').textContent).toBe('Saved just now'))
  expect(announced()).toEqual([''])
  expect(desk.calls.at(-1)).toMatchObject({ name: 'draft_save', request: { draft: 2 } })
  expect((desk.calls.at(-1)?.request as { text: string }).text).toMatch(/^Once\. The stone/)
})

test('a failed save shows why and keeps the text', async () => {
  const { desk } = await opened()
  await screen.findByTestId('editor')
  desk.fail('draft_save', { code: 'disk_full', message: 'The disk is full.' })
  type('Once. ')
  expect((await screen.findByTestId('notice')).textContent).toContain('The disk is full.')
  expect(editor().state.doc.toString()).toMatch(/^Once\./)
  expect(by('saved').textContent).toBe('Not saved yet')
  expect(announced()).toEqual(['Not saved yet'])
})

test('the edit is shown word by word, and shipping names its training row', async () => {
  const { user } = await opened()
  await user.click(await screen.findByTestId('review'))
  await waitFor(() => expect(by('diff').querySelectorAll('del').length).toBeGreaterThan(0))
  expect(by('kept').textContent).toMatch(/^\d+\u00a0%$/)
  expect(screen.getByRole('region', { name: 'Your edit' }).getAttribute('tabindex')).toBe('0')
  expect((await screen.findByTestId('style')).textContent).toContain('longer than yours')
  await user.click(by('ship'))
  expect((await screen.findByTestId('shipped')).textContent).toContain('row 215')
})

test('dropped files open the archive with a report and warnings', async () => {
  const { desk } = await opened()
  desk.drop({ paths: ['/w/new.md', '/w/photo.bin'] })
  const report = await screen.findByTestId('import-report')
  expect(report.textContent).toContain('1 piece read')
  expect(by('import-warning').textContent).toContain('photo.bin')
  expect(by('nav-archive').getAttribute('aria-current')).toBe('page')
})

test('an import can be stopped and announces its end', async () => {
  const { desk, user } = await opened()
  desk.drop({ paths: Array.from({ length: 400 }, (_, n) => `/w/${n}.md`) })
  const stop = await screen.findByTestId('stop-import')
  expect(announced()).toEqual([''])
  await user.click(stop)
  expect((await screen.findByTestId('import-report')).textContent).toContain('Stopped')
  expect(announced()).toEqual(['Stopped: 0 pieces read'])
})

test('the archive can be searched, and a piece opens', async () => {
  const { user } = await opened()
  await user.click(by('nav-archive'))
  expect(await screen.findAllByTestId('piece-row')).toHaveLength(54)
  await user.type(by('filter-text'), 'sash')
  const rows = screen.getAllByTestId('piece-row')
  expect(rows.every((row) => row.textContent?.includes('sash'))).toBe(true)
  await user.click(rows[0]!)
  expect((await screen.findByTestId('piece-text')).textContent).toContain('The stone')
})

test('only the visible rows of two thousand pieces are rendered', async () => {
  const { user } = await opened({ pieces: 2_000 })
  await user.click(by('nav-archive'))
  const rows = await screen.findAllByTestId('piece-row')
  expect(rows.length).toBeLessThan(100)
  expect(rows[0]?.closest('[role=listitem]')?.getAttribute('aria-setsize')).toBe('2000')
})

test('a run is started, stopped and resumed', async () => {
  const { user } = await opened({ pace: 1 })
  await user.click(by('nav-learn'))
  await user.click(await screen.findByTestId('learn-start'))
  await waitFor(() => expect(by('step').textContent).toMatch(/^[1-9]\d* of 120$/))
  expect(within(by('curve')).getByRole('img').getAttribute('aria-label')).toContain(
    'the training loss is',
  )
  await user.click(by('learn-stop'))
  await user.click(await screen.findByTestId('learn-resume'))
  await waitFor(() => expect(screen.queryByTestId('learn-stop')).toBeTruthy())
  await waitFor(() => expect(by('verdict').textContent).toContain('sounds more like you'), {
    timeout: 4_000,
  })
})

test('rolling back returns to the previous adapter', async () => {
  const { user } = await opened()
  await user.click(by('nav-adapters'))
  await waitFor(() => expect(by('in-use').textContent).toBe('SmolLM2 135M, adapter 2'))
  expect(screen.getAllByTestId('adapter-row')).toHaveLength(2)
  expect(screen.getAllByTestId('adapter-row')[0]?.textContent).toContain('and is in use')
  await waitFor(() => expect(by('roll-back')).toHaveProperty('disabled', false))
  await user.click(by('roll-back'))
  await waitFor(() => expect(by('in-use').textContent).toBe('SmolLM2 135M, adapter 1'))
  expect(screen.getAllByTestId('adapter-row')[0]?.textContent).toContain('You can start using it')
  await user.click(by('nav-write'))
  expect(by('model').textContent).toBe('Model: SmolLM2 135M, adapter 1')
})

test('a remote model is used only after the writer enters it and agrees', async () => {
  const { desk, user } = await opened()
  await user.click(by('nav-adapters'))
  expect((await screen.findByTestId('remote-line')).textContent).toContain('No remote model')
  await user.click(by('remote-open'))
  await user.type(await screen.findByTestId('remote-address'), 'https://models.example/v1')
  await user.type(by('remote-model'), 'large')
  expect(by('remote')?.textContent).toContain('send seeds and pieces of your archive')
  expect(by('remote-save')).toHaveProperty('disabled', true)
  await user.click(by('remote-agree'))
  desk.fail('remote_set', {
    code: 'bad_input',
    message: 'The address must begin with https://.',
  })
  await user.click(by('remote-save'))
  expect((await screen.findByRole('alert')).textContent).toContain('must begin with https://')
  await user.click(by('remote-save'))
  await waitFor(() =>
    expect(by('remote-line').textContent).toContain(
      'compare with large at https://models.example/v1',
    ),
  )
  await user.click(by('remote-open'))
  await user.click(await screen.findByTestId('remote-remove'))
  await waitFor(() => expect(by('remote-line').textContent).toContain('No remote model'))
})

test('a dialog closes on a click outside, not on a drag out of a field, and blocks shortcuts', async () => {
  const { user } = await opened()
  await user.click(by('nav-adapters'))
  await user.click(await screen.findByTestId('remote-open'))
  const field = await screen.findByTestId('remote-address')
  const outside = screen.getByRole('dialog')
  await user.pointer([
    { keys: '[MouseLeft>]', target: field },
    { target: outside },
    { keys: '[/MouseLeft]', target: outside },
  ])
  await user.keyboard('{Control>}1{/Control}')
  expect(screen.queryByTestId('remote-address')).toBeTruthy()
  expect(by('nav-adapters').getAttribute('aria-current')).toBe('page')
  await user.click(outside)
  await waitFor(() => expect(screen.queryByTestId('remote-address')).toBeNull())
  await user.keyboard('{Control>}1{/Control}')
  expect(by('nav-write').getAttribute('aria-current')).toBe('page')
})

test('without a base model the Write screen asks for one', async () => {
  const { user } = await opened({ base: false, history: false })
  await user.click(by('base-pick'))
  await waitFor(() => expect(screen.queryByTestId('base-pick')).toBeNull())
  expect(by('notice').textContent).toContain('is now the base model')
})

test('a failed start shows why and can be retried', async () => {
  const desk = demo({ pace: 0 })
  desk.fail('desk_read', { code: 'folder_in_use', message: 'Another window has this folder open.' })
  render(App, { session: new Session(desk) })
  const user = userEvent.setup()
  expect(await screen.findByText('Another window has this folder open.')).toBeTruthy()
  await user.click(screen.getByText('Try again'))
  expect(await screen.findByTestId('write')).toBeTruthy()
})

test('readiness is answered with figures', async () => {
  const { user } = await opened()
  await user.click(by('nav-learn'))
  await user.click(await screen.findByTestId('readiness-open'))
  expect((await screen.findByTestId('readiness')).textContent).toContain('51 % of the way')
  expect(screen.getAllByTestId('reason')).toHaveLength(9)
})
