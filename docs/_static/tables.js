// Each cell of a table knows the title of its column; phones show it (see style.css).
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".bd-article table")) {
    const titles = [...table.querySelectorAll("thead th")].map((th) => th.innerText);
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.cells].forEach((cell, i) => {
        if (titles[i]) cell.dataset.title = titles[i];
      });
    }
  }
});
