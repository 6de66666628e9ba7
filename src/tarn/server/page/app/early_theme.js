// Runs before the first paint, so that a dark page never flashes white. Not a module: modules wait.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    let choice = null;
    try {
      choice = localStorage.getItem('tarn.theme');
    } catch {
      // Storage is forbidden here: the system's choice holds.
    }
    const known = choice === 'light' || choice === 'dark';
    document.documentElement.dataset.theme = known ? choice : dark.matches ? 'dark' : 'light';
  };
  apply();
  dark.addEventListener('change', apply);
  addEventListener('storage', apply);
  addEventListener('tarn-theme', apply);
})();
