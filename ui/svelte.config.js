// Svelte as it comes; the file tells editors and svelte-check so.
export default {}
