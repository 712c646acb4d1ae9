// Svelte with its defaults; editors, ESLint and svelte-check look for this file.
export default {}
