/**
 * Runs before the first paint, so that nobody who chose dark sees a white flash. Inline: its hash is in the policy that
 * the build writes.
 */
export const themeScript = `try{var t=localStorage.getItem("vca.theme");if(t==="light"||t==="dark")document.documentElement.dataset.theme=t}catch(e){}`;
