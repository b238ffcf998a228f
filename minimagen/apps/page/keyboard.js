// Ctrl+Enter draws, Esc stops, Alt+1 .. Alt+4 change the tab. Buttons say by class what they are for.
// On a phone, what is drawn lies below the fields: go there when it begins.
() => {
  const seen = (button) => button.offsetParent !== null && !button.disabled;
  const press = (kind) => [...document.querySelectorAll(`button.key-${kind}`)].find(seen)?.click();
  document.addEventListener("keydown", (event) => {
    const tab = event.altKey && !event.ctrlKey && /^Digit([1-9])$/.exec(event.code);
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") press("draw");
    else if (event.key === "Escape") press("stop");
    else if (tab) document.querySelectorAll("#tabs button[role=tab]")[tab[1] - 1]?.click();
    else return;
    if (event.key !== "Escape") event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.key-draw");
    if (!button || window.innerWidth >= 640) return;
    document.getElementById(button.id.replace(/-draw$/, "-panel"))?.scrollIntoView();
  });
}
