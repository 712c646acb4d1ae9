// Whether fine-tuning is worthwhile. Computed only when the writer asks.

import type { Backend } from '../backend'
import type { ReadinessView } from '../wire'
import type { Notices } from './notices.svelte'

export class Readiness {
  /** The report; its dialog is open while this is set. */
  view = $state<ReadinessView>()
  loading = $state(false)

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
  ) {}

  async open(): Promise<void> {
    this.loading = true
    this.view = await this.notices.attempt('readiness', () =>
      this.backend.call('readiness_read', {}),
    )
    this.loading = false
  }

  close(): void {
    this.view = undefined
  }
}
