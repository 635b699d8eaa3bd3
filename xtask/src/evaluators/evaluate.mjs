// Evaluates the rows of the table with another evaluator, and says of each whether it gives what we give.
// Arguments: the evaluator, the file with the table and the record. Prints one JSON object a row.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [peer, file] = process.argv.slice(2);
const table = JSON.parse(readFileSync(file, 'utf8'));
process.env.TZ = table.zone;

// The clock stands still for whoever asks; a date that is given something is as ever.
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [table.now] : given));
  }
  static now() {
    return table.now;
  }
};

const require = createRequire(import.meta.url);
const { JSDOM } = require('jsdom');
const { window } = new JSDOM('<html></html>');
for (const name of Object.getOwnPropertyNames(window)) {
  if (/^(Attr|CDATASection|CharacterData|Comment|Document|DocumentFragment|DOMParser|Element|Node|NodeFilter|ProcessingInstruction|Text|XMLDocument|XPath.*)$/.test(name)) {
    globalThis[name] = window[name];
  }
}
globalThis.window = window;
globalThis.document = window.document;

const parsed = (xml) => new window.DOMParser().parseFromString(xml, 'text/xml');
const record = parsed(table.record);

/** By name: a function from expression and node to an XPathResult. */
const peers = {
  async odk() {
    // Its parser is WebAssembly, packed into the module, whose loader asks where it lies and never reads it.
    globalThis.__dirname = import.meta.dirname;
    const { DEFAULT_DOM_ADAPTER, XFormsXPathEvaluator } = await import('@getodk/xpath');
    const instances = Object.entries(table.instances).map(([id, xml]) => {
      return [id, parsed(`<instance id="${id}">${xml}</instance>`).documentElement];
    });
    const translation = parsed('<translation lang="en"/>');
    for (const [id, said] of Object.entries(table.texts)) {
      const text = translation.createElement('text');
      text.setAttribute('id', id);
      text.append(translation.createElement('value'));
      text.firstChild.textContent = said;
      translation.documentElement.append(text);
    }
    const evaluator = new XFormsXPathEvaluator({
      domAdapter: DEFAULT_DOM_ADAPTER,
      rootNode: record,
      itextTranslationsByLanguage: new Map([['en', translation.documentElement]]),
      secondaryInstancesById: new Map(instances),
      timeZoneId: table.zone,
    });
    return (expression, node) => evaluator.evaluate(expression, node, null, XPathResult.ANY_TYPE);
  },
  async enketo() {
    // A type of result that is left out is any in a browser; jsdom wants one.
    const { createExpression } = XPathEvaluator.prototype;
    XPathEvaluator.prototype.createExpression = function (...given) {
      const expression = createExpression.apply(this, given);
      return { evaluate: (node, type = XPathResult.ANY_TYPE) => expression.evaluate(node, type) };
    };
    const evaluator = require('openrosa-xpath-evaluator')();
    const asked = (expression, node, type) => evaluator.evaluate(expression, node, null, type);
    return (expression, node, kind) => {
      if (kind === 'nodes') {
        // A union is a set only for whoever asks for one, as Enketo's forms do.
        try {
          const result = asked(expression, node, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
          const nodes = Array.from({ length: result.snapshotLength }, (_, at) => result.snapshotItem(at));
          if (nodes.every((each) => each instanceof Node)) {
            return { resultType: XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, snapshotLength: nodes.length, snapshotItem: (at) => nodes[at] };
          }
        } catch {
          // No set: what it is, is seen below.
        }
      }
      return asked(expression, node, XPathResult.ANY_TYPE);
    };
  },
};

/** A node as the table writes it. */
function written(node) {
  if (node.nodeType === Node.DOCUMENT_NODE || node.nodeName === 'instance') {
    return '<>';
  }
  const isAbove = node.nodeType === Node.ELEMENT_NODE && node.firstElementChild !== null;
  const text = isAbove ? '' : node.textContent;
  return text === '' ? `<${node.nodeName}>` : text;
}

/** The value of a result: `{ type, value }`, with the text of what is both. */
function valueOf(result) {
  if (typeof result.stringValue === 'string' && result.resultType === XPathResult.ANY_TYPE) {
    return { type: 'text', value: result.stringValue, text: result.stringValue };
  }
  switch (result.resultType) {
    case XPathResult.NUMBER_TYPE:
      return { type: 'number', value: result.numberValue, text: result.stringValue };
    case XPathResult.STRING_TYPE:
      return { type: 'text', value: result.stringValue, text: result.stringValue };
    case XPathResult.BOOLEAN_TYPE:
      return { type: 'boolean', value: result.booleanValue, text: String(result.booleanValue) };
    default: {
      const nodes = [];
      if (typeof result.iterateNext === 'function') {
        for (let node = result.iterateNext(); node; node = result.iterateNext()) {
          nodes.push(node);
        }
      } else {
        for (let at = 0; at < result.snapshotLength; at += 1) {
          nodes.push(result.snapshotItem(at));
        }
      }
      return { type: 'nodes', value: nodes.map(written), text: nodes[0]?.textContent ?? '' };
    }
  }
}

const isClose = (one, other) => {
  return Object.is(one, other) || one === other || Math.abs(one - other) <= 1e-12 * Math.max(1, Math.abs(one));
};

/** Whether a value is the same as ours. */
function isSame(ours, theirs) {
  switch (ours.kind) {
    case 'number':
      return theirs.type === 'number' ? isClose(Number(ours.value), theirs.value) : theirs.text === ours.value;
    case 'boolean':
      return theirs.type === 'boolean' ? theirs.value === ours.value : theirs.text === String(ours.value);
    case 'text':
      return theirs.text === ours.value;
    case 'date':
      return theirs.text === ours.value;
    case 'instant':
      return /T/.test(theirs.text) && RealDate.parse(theirs.text) === ours.value;
    case 'time':
      return theirs.text.replace(/\.000|Z|[+-]\d\d:\d\d$/g, '') === ours.value;
    case 'nodes':
      if (theirs.type === 'nodes') {
        return JSON.stringify(theirs.value) === JSON.stringify(ours.value);
      }
      // A function that passes an answer through gives its text there, and the node here.
      return ours.value.length <= 1 && theirs.text === (ours.value[0] ?? '').replace(/^<.*>$/, '');
    default:
      return false;
  }
}

const evaluate = await peers[peer]();
for (const { line, resolved, here, ours } of table.rows) {
  if (resolved === null || ours.kind === 'chance') {
    continue;
  }
  const node = record.evaluate(here, record, null, XPathResult.FIRST_ORDERED_NODE_TYPE).singleNodeValue;
  let theirs;
  try {
    theirs = valueOf(evaluate(resolved, node, ours.kind));
  } catch (error) {
    theirs = { type: 'error', value: String(error.message ?? error).split('\n')[0] };
  }
  const agrees = ours.kind === 'error' || theirs.type === 'error' ? ours.kind === theirs.type : isSame(ours, theirs);
  const shown = theirs.type === 'nodes' ? `[${theirs.value.join(' | ')}]` : `${theirs.type} ${theirs.text ?? theirs.value}`;
  console.log(JSON.stringify({ line, agrees, theirs: shown }));
}
