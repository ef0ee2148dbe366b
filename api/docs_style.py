"""The style sheet of `/docs`: light and dark, without fonts or images from other addresses."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: light-dark(#fbfaf7, #14161a);
  --card: light-dark(#ffffff, #1b1e24);
  --ink: light-dark(#22252b, #e6e4df);
  --soft: light-dark(#5d626c, #a2a6ae);
  --line: light-dark(#e3e0d8, #2f343d);
  --code: light-dark(#f3f1ea, #23272f);
  --get: light-dark(#1d6f5c, #6fcbb1);
  --put: light-dark(#8a5a00, #e3b15a);
  --patch: light-dark(#6a4aa5, #bfa3f0);
  --delete: light-dark(#a8323a, #f08d92);
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.6 system-ui, "Noto Sans Khmer", sans-serif;
  display: grid; grid-template-columns: 19rem minmax(0, 1fr);
}
a { color: inherit; text-underline-offset: .2em; }
a:focus-visible, summary:focus-visible, pre:focus-visible, .wide:focus-visible {
  outline: 2px solid var(--get); outline-offset: 2px; border-radius: .25rem;
}
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; }
nav {
  position: sticky; top: 0; height: 100vh; overflow-y: auto;
  padding: 2rem 1.25rem; border-right: 1px solid var(--line); font-size: .9rem;
}
nav strong { font-size: 1.1rem; }
nav h2 {
  margin: 1.5rem 0 .4rem; color: var(--soft);
  font-size: .75rem; letter-spacing: .08em; text-transform: uppercase;
}
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: flex; gap: .6rem; padding: .2rem 0; text-decoration: none; }
nav li a:hover { text-decoration: underline; }
nav .method { width: 3.6rem; flex: none; font-size: .68rem; line-height: 1.5rem; }
main { padding: 2.5rem clamp(1rem, 5vw, 4rem) 6rem; max-width: 62rem; }
h1 { margin: 0 0 .5rem; font-size: 2rem; line-height: 1.2; }
h1 small { font-size: .9rem; font-weight: 400; color: var(--soft); }
main > h2 { margin: 3rem 0 1rem; font-size: 1.35rem; }
article {
  background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1.25rem 1.5rem; margin: 0 0 1.5rem;
}
article h3 { margin: 0; font-size: 1.05rem; display: flex; flex-wrap: wrap; gap: .2rem .75rem; align-items: baseline; }
article h4 {
  margin: 1.25rem 0 .35rem; color: var(--soft);
  font-size: .8rem; letter-spacing: .05em; text-transform: uppercase;
}
details { margin-top: .5rem; }
details .wide { padding-left: 1rem; }
summary { cursor: pointer; }
article > p { margin: .5rem 0; }
.method { font: 700 .8rem/1.6 ui-monospace, monospace; color: var(--soft); }
.get { color: var(--get); } .put, .post { color: var(--put); }
.patch { color: var(--patch); } .delete { color: var(--delete); }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .88em; }
code { background: var(--code); padding: .1em .35em; border-radius: .25rem; overflow-wrap: anywhere; }
h3 code { background: none; padding: 0; }
pre {
  margin: .35rem 0 0; padding: .8rem 1rem; border-radius: .4rem; overflow-x: auto;
  background: var(--code); line-height: 1.5;
}
pre code { background: none; padding: 0; overflow-wrap: normal; }
.wide { overflow-x: auto; }
.bar { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; margin: .6rem 0; }
.bar label { display: grid; flex: 1 1 12rem; color: var(--soft); font-size: .85em; }
.bar input, .bar textarea, .bar button {
  font: inherit; color: var(--ink); background: var(--code); border: 1px solid var(--line); border-radius: .3rem;
  padding: .3rem .6rem; min-width: 0; width: 100%;
}
.bar button { flex: none; width: auto; cursor: pointer; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0; border-top: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; border-top: 0; white-space: nowrap; }
td:first-child { white-space: nowrap; }
.soft { color: var(--soft); font-size: .85em; }
@media (max-width: 56rem) {
  body { display: block; }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); padding: 1.25rem 1rem; }
  article { padding: 1rem; }
}
@media print { nav { display: none; } body { display: block; } article { break-inside: avoid; } }
"""
