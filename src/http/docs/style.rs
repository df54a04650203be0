//! The look of `/docs`: system fonts, enough contrast in light and dark, readable on paper and on a telephone.

/// Its style sheet.
pub(super) const STYLE: &str = "
:root{color-scheme:light dark;--fond:#fff;--texte:#1b1b22;--discret:#51515e;--trait:#c9c9d4;--accent:#0b4f9e;--voile:#f3f4f8}
@media(prefers-color-scheme:dark){:root{--fond:#16161c;--texte:#ececf2;--discret:#b3b3c2;--trait:#44444f;--accent:#8cc0ff;--voile:#22222b}}
body{margin:0 auto;padding:1rem;max-width:72rem;background:var(--fond);color:var(--texte);font:1rem/1.5 system-ui,sans-serif}
a{color:var(--accent)}
a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.evite{position:absolute;left:-999rem}
.evite:focus{position:static}
h2{margin-top:2.5rem;border-bottom:2px solid var(--trait)}
h3{margin-top:2rem;overflow-wrap:anywhere}
code{background:var(--voile);padding:0 .2em;overflow-wrap:anywhere}
.methode{color:var(--accent)}
.acces{color:var(--discret)}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
caption{text-align:left;font-weight:600}
th,td{border:1px solid var(--trait);padding:.3rem .5rem;text-align:left;vertical-align:top}
thead th{background:var(--voile)}
tbody th{font-weight:400}
@media(max-width:40rem){table{display:block;overflow-x:auto}}
@media print{nav{display:none}}
";
