// The remote model that verdicts compare with. None until the writer enters one.

import { toFailure, type Backend } from '../backend'
import type { RemoteForm, RemoteView } from '../wire'
import type { Notices } from './notices.svelte'

export class RemoteModel {
  view = $state<RemoteView>()
  /** The form's dialog is open. */
  dialogOpen = $state(false)
  saving = $state(false)
  /** Why the form could not be saved. */
  error = $state<string>()

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
  ) {}

  async load(): Promise<void> {
    const view = await this.notices.attempt('remote', () => this.backend.call('remote_read', {}))
    if (view) this.view = view
  }

  openDialog(): void {
    this.error = undefined
    this.dialogOpen = true
  }

  closeDialog(): void {
    this.dialogOpen = false
  }

  /** Saves the form. If that fails, the dialog stays open and shows why: it covers the notices. */
  async save(form: RemoteForm): Promise<void> {
    this.saving = true
    try {
      this.view = await this.backend.call('remote_set', form)
      this.closeDialog()
    } catch (thrown) {
      this.error = toFailure(thrown).message
    }
    this.saving = false
  }

  remove(): Promise<void> {
    return this.save({ address: '', model: '', allow_upload: false })
  }
}
