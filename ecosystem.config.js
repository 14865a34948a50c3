// pm2 keeps two processes running: sn35-vllm serves the model (`logicnet vllm`), sn35-miner mines.
//
//   npm ci                                   # once: pm2, into node_modules
//   npx pm2 start ecosystem.config.js        # or: ... --only sn35-miner
//   npx pm2 logs
//   npx pm2 restart ecosystem.config.js --update-env      # after a change of what follows
//
// Environment variables configure everything, or the same names in `.env` beside this file (see
// .env.example); the environment wins. logicnet/config/started.py reads them and says what to start; this
// file only starts it. It needs Node.js 20.12 or newer.
//
//   SN35_VLLM          false where the model is served elsewhere: then the miner alone is started
//   SN35_VLLM_MODEL    model name or folder                        Qwen/Qwen2.5-7B-Instruct
//   SN35_VLLM_HOST     address vLLM binds                          127.0.0.1
//   SN35_VLLM_PORT     port vLLM binds                             8000
//   SN35_VLLM_FLAGS    more flags for vLLM, quoted as in a shell; they win over what `logicnet plan` says:
//                      --max-model-len 8192 --gpu-memory-utilization 0.92 --tensor-parallel-size 2 ...
//   SN35_VLLM_PYTHON   interpreter that has vLLM                   found: .venv, .venv-gpu, .venv-vllm
//   SN35_MINER_PYTHON  interpreter that has logicnet               .venv/bin/python
//   SN35_MINER_FLAGS   more flags for the miner: --logging.debug ...
//   SN35_HOTKEYS       hotkeys of several miners, separated by commas: sn35-miner-HOTKEY each, whose ports
//                      count on from those of the settings
//   SN35_LOGS          folder of the log files                     .run/logs
//   SN35_ENV_FILE      read instead of .env
//   HF_TOKEN           for gated models; handed to vLLM
//   VLLM_API_KEY       if set, vLLM asks for it and the miner sends it there; another server
//                      (LOGICNET_MINER__LLM_CLIENT__BASE_URL) only gets LOGICNET_MINER__LLM_CLIENT__KEY
//   LOGICNET_...       every setting of the miner, e.g. LOGICNET_WALLET__NAME, LOGICNET_WALLET__HOTKEY,
//                      LOGICNET_SUBTENSOR__NETWORK, LOGICNET_AXON__PORT (`logicnet mine --help`)
//
// Secrets belong in the environment or in .env: a flag can be read by every user of the machine (ps).

'use strict'

const { spawnSync } = require('child_process')
const fs = require('fs')
const path = require('path')
const { parseEnv } = require('util')

if (!parseEnv) {
  throw new Error(`ecosystem.config.js needs Node.js 20.12 or newer; this is ${process.version}. Install a newer one: https://nodejs.org`)
}

const here = (file) => path.resolve(__dirname, file)

// From `.env` only what is needed before Python runs.
const envFile = here(process.env.SN35_ENV_FILE || '.env')
const env = { ...(fs.existsSync(envFile) ? parseEnv(fs.readFileSync(envFile, 'utf8')) : {}), ...process.env }
const name = env.SN35_MINER_PYTHON || '.venv/bin/python'
const python = name.includes('/') ? here(name) : name // a bare name is looked up on the PATH
const logs = here(env.SN35_LOGS || '.run/logs')

function whatToStart () {
  const done = spawnSync(python, ['-m', 'logicnet.config.started'], { cwd: __dirname, encoding: 'utf8', maxBuffer: 1 << 26 })
  if (done.status === 0) return JSON.parse(done.stdout)
  const why = done.error ? done.error.message : done.stderr.trim()
  throw new Error(`${python} cannot say what to start: ${why}\n(SN35_MINER_PYTHON names the Python that has logicnet.)`)
}

const common = {
  cwd: __dirname,
  exec_mode: 'fork',
  interpreter: python,
  autorestart: true,
  exp_backoff_restart_delay: 200, // ms; half as long again after each failure, up to 15 s
  min_uptime: 0, // never give up: by itself pm2 stops for good after 16 quick failures
  stop_exit_codes: [2] // a retry cannot help, and the log says what does (pm2 still shows 'waiting restart')
}

const apps = {
  'sn35-vllm': {
    kill_timeout: 45000 // ms, to stop vLLM and free the GPU's memory, which takes 41 s at most
  },
  'sn35-miner': {
    kill_timeout: 70000 // ms, to answer the admitted challenges, which takes 64 s at most
  }
}

const started = whatToStart()
module.exports = {
  apps: Object.entries(started).map(([name, { script, args, env }]) => {
    const log = path.join(logs, `${name}.log`)
    return { name, ...common, ...apps[name === 'sn35-vllm' ? name : 'sn35-miner'], script, args, env: { PYTHONUNBUFFERED: '1', ...env }, out_file: log, error_file: log }
  })
}
