// What dynalite 4.0.0 needs to serve a large table with little memory, and to compare as DynamoDB does.
//
// 1. Its streams close their LevelDB iterators through `iterator.return`, which abstract-level 3 lacks: every
//    Query leaves an iterator, its snapshot and its cache behind.
// 2. It compares maps and lists by reference, so `#m = :m` is never true.
// 3. It reads the table's description from LevelDB for each item, and waits for a thread for each read: a
//    quarter of its time. Descriptions are kept until they are written; reads are made at once.
//
// The version is pinned; where its text is another, loading fails instead of going on unmended.
'use strict'

const Module = require('node:module')
const path = require('node:path')

const DB = path.join('dynalite', 'db', 'index.js')
const BY_REFERENCE = 'return val1 == val2'

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

function compareByValue () {
  global.todokuEqual = equal
  const compile = Module.prototype._compile
  Module.prototype._compile = function (text, file, ...rest) {
    if (file.endsWith(DB)) {
      const name = 'function valsEqual (val1, val2) {'
      if (!text.includes(name) || !text.includes(BY_REFERENCE)) throw new Error(`${file} is not dynalite 4.0.0's`)
      text = text.replace(name, `${name}\n  return todokuEqual(val1, val2)`)
    }
    return compile.call(this, text, file, ...rest)
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
  compareByValue()
  const dynalite = installed('dynalite')
  keepDescriptions(installed('dynalite/db'))
  readAtOnce(installed('classic-level'))
  return dynalite
}
