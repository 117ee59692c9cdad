import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTemplate } from './index.ts';

const DATA = {
  Name: 'web',
  Count: 3,
  Running: true,
  Empty: '',
  None: null,
  Env: ['A=1', 'B=2'],
  Labels: { b: '2', a: '1' },
  Networks: { bridge: { IPAddress: '172.17.0.2' } },
};

// What Go's text/template with docker's functions prints for the same data.
const CASES: [string, string][] = [
  ['{{.Name}}', 'web'],
  ['{{ .Networks.bridge.IPAddress }}', '172.17.0.2'],
  ['{{json .Env}} {{json .Labels.a}}', '["A=1","B=2"] "1"'],
  ['{{.Env}} {{.Labels}}', '[A=1 B=2] map[a:1 b:2]'],
  ['{{range .Env}}[{{.}}]{{end}}', '[A=1][B=2]'],
  ['{{range $i, $e := .Env}}{{$i}}:{{$e}};{{end}}', '0:A=1;1:B=2;'],
  ['{{range $k, $v := .Networks}}{{$k}}={{$v.IPAddress}} {{$.Name}}{{end}}', 'bridge=172.17.0.2 web'],
  ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
  ['{{if .Running}}yes{{else}}no{{end}}', 'yes'],
  ['{{if .Empty}}a{{else if eq .Count 3}}b{{else}}c{{end}}', 'b'],
  ['{{with .Networks.bridge}}{{.IPAddress}}{{end}}', '172.17.0.2'],
  [
    '{{if and .Running (gt .Count 2)}}both{{end}}{{if or .Empty .Name}}any{{end}}{{if not .Empty}}not{{end}}',
    'bothanynot',
  ],
  ['{{index .Labels "a"}} {{index .Env 1}} {{(index .Networks "bridge").IPAddress}}', '1 B=2 172.17.0.2'],
  ['{{len .Env}} {{join .Env ","}} {{upper .Name}} {{.Name | upper | lower | title}}', '2 A=1,B=2 WEB Web'],
  ['{{split "a-b" "-"}} {{printf "%s-%d|%-4s|%q" .Name .Count "x" "y"}}', '[a b] web-3|x   |"y"'],
  ['a{{println .Name}}b', 'aweb\nb'],
  ['x  {{- .Name -}}  y {{/* note */}}z', 'xweby z'],
  ['{{$n := .Name}}{{$n}}{{$n}}', 'webweb'],
  ['{{.None}}{{"}}"}}', '<no value>}}'],
];

for (const [source, expected] of CASES)
  test(`compileTemplate() renders ${source}`, () => assert.equal(compileTemplate(source)(DATA), expected));

test('compileTemplate() refuses what does not parse or is not there', () => {
  const wrong: [string, RegExp][] = [
    ['{{.Name', /unclosed action/],
    ['{{if .Name}}x', /unexpected EOF/],
    ['{{end}}', /unexpected {{end}}/],
    ['{{nope .Name}}', /function "nope" not defined/],
    ['{{.Missing}}', /map has no entry for key "Missing"/],
    ['{{index .Env 9}}', /index out of range: 9/],
    ['{{$x}}', /undefined variable "\$x"/],
    ['{{constructor .Name}}', /not defined|not a function/],
    ['{{.constructor}}', /no entry/],
  ];
  for (const [source, message] of wrong)
    assert.throws(() => compileTemplate(source)(DATA), { name: 'LadingError', message });
});
