// What a page reports to the tag is in it; the tag may load before or after.
window.todoku = window.todoku || function () {
  (window.todoku.q = window.todoku.q || []).push(arguments);
};
JSON.parse(document.body.dataset.events).forEach(function (event) {
  window.todoku(event[0], event[1]);
});
