// Small repairs of the theme's accessibility, each with the axe-core rule that asks for it.
(function () {
  "use strict";

  function repair() {
    // label-content-name-mismatch: the name of a button begins with what it shows.
    document.querySelectorAll("button.search-button-field, button.theme-switch-button").forEach(function (button) {
      button.removeAttribute("aria-label");
    });
    // region: the wordmark is the banner of the page, since the header of the theme is empty.
    var header = document.getElementById("pst-header");
    if (header && !header.textContent.trim()) header.remove();
    var brand = document.querySelector(".bd-sidebar-primary .navbar-brand");
    if (brand && brand.closest(".sidebar-primary-item")) {
      brand.closest(".sidebar-primary-item").setAttribute("role", "banner");
    }
    // summary-name: the arrows that open a chapter's exercises in the sidebar say what they open.
    document.querySelectorAll(".bd-sidebar-primary li.has-children").forEach(function (item) {
      var summary = item.querySelector(":scope > details > summary");
      var link = item.querySelector(":scope > a");
      if (summary && link) summary.setAttribute("aria-label", "Pages of " + link.textContent.trim());
    });
  }

  // scrollable-region-focusable: what scrolls sideways can be scrolled from the keyboard.
  function reach() {
    document.querySelectorAll(".bd-article div.math, .bd-article pre").forEach(function (box) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    });
  }

  // A copy of the book opened by double click shows a notebook as text instead of saving it: say what to do.
  function explainDownloads() {
    if (location.protocol !== "file:") return;
    document.querySelectorAll("a.download").forEach(function (link) {
      link.title = "In this copy of the book: right click, Save link as";
    });
  }

  function ready() {
    repair();
    explainDownloads();
    reach();
    if (window.MathJax && MathJax.startup && MathJax.startup.promise) MathJax.startup.promise.then(reach);
    window.addEventListener("load", reach);
    window.addEventListener("resize", reach);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
  else ready();
})();
