export const pageStyle = `
:root{color-scheme:light dark;--back:#fff;--card:#f6f8fa;--line:#d1d9e0;--text:#1f2328;--soft:#59636e;--up:#1a7f37;--down:#cf222e;--warn:#9a6700;--mark:#0969da}
@media(prefers-color-scheme:dark){:root{--back:#0d1117;--card:#151b23;--line:#3d444d;--text:#f0f6fc;--soft:#9198a1;--up:#3fb950;--down:#f85149;--warn:#d29922;--mark:#4493f8}}
*{box-sizing:border-box}
body{font:14px/1.45 system-ui,sans-serif;margin:0;background:var(--back);color:var(--text)}
main,header{max-width:96rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:1.5rem;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;align-items:baseline}
h1{font-size:1.35rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}h3{font-size:.9rem;margin:.8rem 0 .2rem;color:var(--soft);font-weight:600}
a{color:inherit;text-underline-offset:.2em}a:hover{color:var(--mark)}
:focus-visible{outline:2px solid var(--mark);outline-offset:2px;border-radius:3px}
header p,.soft{margin:0;color:var(--soft)}
.tiles{display:flex;flex-wrap:wrap;gap:.8rem;margin:1rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.55rem .9rem;min-width:7.5rem}
.tile b{display:block;font-size:1.35rem;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.25}
.tile span{color:var(--soft);font-size:.8rem}
.notice{border:1px solid var(--line);border-left:4px solid var(--down);background:var(--card);border-radius:4px;padding:.4rem .8rem;margin:.5rem 0}
.bar{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:center;margin:.6rem 0}
.bar[hidden]{display:none}
input[type=search]{font:inherit;color:inherit;background:var(--back);border:1px solid var(--line);border-radius:6px;padding:.35rem .6rem;width:20rem;max-width:100%}
button{font:inherit;color:inherit;background:none;border:1px solid var(--line);border-radius:6px;padding:.3rem .7rem;cursor:pointer}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.4rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;white-space:nowrap;font-weight:400}
thead th{background:var(--card);color:var(--soft);font-size:.8rem;position:sticky;top:0}
thead th button{border:0;padding:0;font-weight:600;color:inherit}
thead th[aria-sort]{color:var(--text)}
thead th[aria-sort=descending] button::after{content:' ↓'}thead th[aria-sort=ascending] button::after{content:' ↑'}
tbody:last-child tr:last-child>*{border-bottom:0}
#apps>tbody>tr>th{width:99%;white-space:normal;min-width:14rem;overflow-wrap:anywhere}
#apps>tbody>tr>th a{font-weight:600;text-decoration:none}
#apps>tbody>tr>th a::before{content:'▸';display:inline-block;width:1rem;color:var(--soft)}
#apps>tbody>tr>th a[aria-expanded=true]::before{content:'▾'}
#apps>tbody>tr>th small{margin-left:1rem}
.port{color:var(--soft);font-weight:400}
.n{text-align:right}thead .n{text-align:right}
small{display:block;color:var(--soft);font-size:.8rem}
small.down{color:var(--down)}
.up{color:var(--up)}.down{color:var(--down)}.warn,.drain{color:var(--warn)}.maint{color:var(--soft)}
.marks i{font-style:normal;margin-right:1px}.marks small{display:inline}
.spark{width:118px;height:20px;display:block}.spark polyline{fill:none;stroke:var(--mark);stroke-width:1.4;vector-effect:non-scaling-stroke}
.more>td{background:var(--card);white-space:normal;padding:.2rem .9rem .9rem;max-width:1px}
.more table{background:var(--back);border:1px solid var(--line)}
.more .scroll{border:0}
.best{font-weight:600}
.status{color:var(--down)}
footer{max-width:96rem;margin:0 auto;padding:1rem 1.5rem 2rem;color:var(--soft)}
.why td:last-child{width:99%;white-space:normal}
`;
