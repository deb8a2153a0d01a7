// What dynalite 4.0.0 needs to serve a large table with little memory, and to compare as DynamoDB does.
//
// 1. Its streams close their LevelDB iterators through `iterator.return`, which abstract-level 3 lacks: every
//    Query leaves an iterator, its snapshot and its cache behind.
// 2. It compares maps and lists by reference, so `#m = :m` is never true.
// 3. It reads the table's description from LevelDB for each item, and waits for a thread for each read: a
//    quarter of its time. Descriptions are kept until they are written; reads are made at once.
// 4. Its parser of conditions reads what stands in parentheses anew for each way in which it may be meant: with
//    four of them in one another a hundred times. What a rule has found at a place is kept for the one parse.
//
// The version is pinned; where its text is another, loading fails instead of going on unmended.
'use strict'

const Module = require('node:module')
const path = require('node:path')

const DB = path.join('dynalite', 'db', 'index.js')
const BY_REFERENCE = 'return val1 == val2'
const PARSER = path.join('dynalite', 'db', 'conditionParser.js')
const PARSES = 'peg$silentFails      = 0,'
const RULES = ['OrConditionExpression', 'ParensConditionExpression', 'ConditionExpression', 'OperandParens']

// Attribute values as DynamoDB equates them: lists in their order, sets in any, maps by their names.
function equal (one, other) {
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return one == other
  if (Array.isArray(one) !== Array.isArray(other)) return false
  if (Array.isArray(one)) {
    if (one.length !== other.length) return false
    return one.every((value, n) => typeof value === 'object' ? equal(value, other[n]) : other.includes(value))
  }
  const names = Object.keys(one)
  return names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && equal(one[name], other[name]))
}

// The text of a module with something else for a part that it must have.
function replaced (text, file, part, other) {
  if (!text.includes(part)) throw new Error(`${file} is not dynalite 4.0.0's`)
  return text.replace(part, () => other)
}

function compareByValue (text, file) {
  const named = 'function valsEqual (val1, val2) {'
  const byValue = replaced(text, file, BY_REFERENCE, 'return false')
  return replaced(byValue, file, named, `${named}\n  return todokuEqual(val1, val2)`)
}

function remember (text, file) {
  const begun = replaced(text, file, PARSES, `${PARSES} peg$found = {},`)
  return RULES.reduce((before, rule) => replaced(before, file, `function peg$parse${rule}() {`, `
  function peg$parse${rule}() {
    const found = peg$found.${rule} ??= new Map(), from = peg$currPos
    let known = found.get(from)
    if (!known) found.set(from, known = { result: peg$anew${rule}(), to: peg$currPos })
    peg$currPos = known.to
    return known.result
  }

  function peg$anew${rule}() {`), begun)
}

function mendTexts () {
  global.todokuEqual = equal
  const mends = { [DB]: compareByValue, [PARSER]: remember }
  const compile = Module.prototype._compile
  Module.prototype._compile = function (text, file, ...rest) {
    const mend = mends[Object.keys(mends).find((end) => file.endsWith(end))]
    return compile.call(this, mend ? mend(text, file) : text, file, ...rest)
  }
}

function closeIterators (abstractLevel) {
  const iterator = Object.getPrototypeOf(abstractLevel.AbstractIterator.prototype)
  iterator.return ??= function () { return this.close() }
}

function readAtOnce ({ ClassicLevel }) {
  ClassicLevel.prototype._get = async function (key, options) { return this._getSync(key, options) }
}

function keepDescriptions (db) {
  const create = db.create
  db.create = (options) => {
    const store = create(options)
    const { getTable, tableDb } = store
    const kept = new Map()
    let writes = 0
    for (const name of ['put', 'del']) {
      const write = tableDb[name]
      tableDb[name] = (key, ...rest) => {
        writes++
        kept.delete(key)
        return write(key, ...rest)
      }
    }
    // Only calls about items come without a status to check; they never change what they are given.
    store.getTable = (name, status, done) => {
      if (typeof status !== 'function') return getTable(name, status, done)
      const before = writes
      if (kept.has(name)) return status(null, kept.get(name))
      getTable(name, (error, table) => {
        if (!error && writes === before) kept.set(name, table)
        status(error, table)
      })
    }
    return store
  }
}

// dynalite from the folder in which it is installed, mended.
exports.load = function (folder) {
  const installed = Module.createRequire(path.join(path.resolve(folder), 'start.cjs'))
  closeIterators(installed('abstract-level'))
  mendTexts()
  const dynalite = installed('dynalite')
  keepDescriptions(installed('dynalite/db'))
  readAtOnce(installed('classic-level'))
  return dynalite
}
