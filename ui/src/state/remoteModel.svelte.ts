// A model elsewhere that verdicts ask as well: nobody until the writer enters one.

import { failure, type Backend } from '../backend'
import type { ElsewhereForm, ElsewhereView } from '../wire'
import type { Notices } from './notices.svelte'

export class Elsewhere {
  view = $state<ElsewhereView>()
  /** The form lies over the window. */
  open = $state(false)
  saving = $state(false)
  /** Why the form was not taken. */
  trouble = $state<string>()

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
  ) {}

  async read(): Promise<void> {
    const view = await this.notices.attempt('elsewhere', () =>
      this.backend.call('elsewhere_read', {}),
    )
    if (view) this.view = view
  }

  show(): void {
    this.trouble = undefined
    this.open = true
  }

  close(): void {
    this.open = false
  }

  /** A form that is refused stays open with the reason: it lies over where notices are. */
  async set(form: ElsewhereForm): Promise<void> {
    this.saving = true
    try {
      this.view = await this.backend.call('elsewhere_set', form)
      this.close()
    } catch (thrown) {
      this.trouble = failure(thrown).message
    }
    this.saving = false
  }

  forget(): Promise<void> {
    return this.set({ address: '', model: '', may_send: false })
  }
}
