// Whether to fine-tune at all: asked when the writer wants to know, never before.

import type { Backend } from '../backend'
import type { FitView } from '../wire'
import type { Notices } from './notices.svelte'

export class Fit {
  /** Laid over the window while it is there. */
  view = $state<FitView>()
  asking = $state(false)

  constructor(
    private readonly backend: Backend,
    private readonly notices: Notices,
  ) {}

  async open(): Promise<void> {
    this.asking = true
    this.view = await this.notices.attempt('fit', () => this.backend.call('fit_read', {}))
    this.asking = false
  }

  close(): void {
    this.view = undefined
  }
}
