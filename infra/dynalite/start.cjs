// dynalite for the local platform: loopback only, persistent, and gone when the platform is gone.
//
//   node start.cjs INSTALLED PORT DIRECTORY READY_FD
//
// INSTALLED is the folder whose node_modules has dynalite.
//
// Standard input is the supervisor's other end: "s" asks to stop, its closing means that the supervisor
// is no more. LevelDB's log survives a kill at any moment, so both simply end the process.
'use strict'

const fs = require('fs')
const shim = require('./shim.cjs')

const [installed, port, path, readyFd] = process.argv.slice(2)
const dynalite = shim.load(installed)

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})
process.stdin.on('data', () => process.exit(0))
process.stdin.on('end', () => process.exit(1))
process.stdin.resume()

const server = dynalite({ path, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
// Clients keep their connections; the server must never be the one that drops an idle one.
server.keepAliveTimeout = 3600 * 1000
server.requestTimeout = 0
server.on('connection', (socket) => socket.setNoDelay(true))
server.on('error', (error) => {
  console.error(String(error))
  process.exit(2)
})
server.listen(Number(port), '127.0.0.1', () => {
  if (readyFd) {
    fs.writeSync(Number(readyFd), '1')
    fs.closeSync(Number(readyFd))
  }
})
