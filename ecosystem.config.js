// pm2 keeps two processes running: sn35-vllm serves the model (`logicnet vllm`), sn35-miner mines.
//
//   npm ci                                   # once: pm2, into node_modules
//   npx pm2 start ecosystem.config.js        # or: ... --only sn35-miner
//   npx pm2 logs
//   npx pm2 restart ecosystem.config.js --update-env      # after a change of what follows
//
// Everything is configured by environment variables, or by the same names in `.env` beside this file
// (see .env.example); the environment wins.
//
//   SN35_VLLM          false where the model is served elsewhere: then the miner alone is started
//   SN35_VLLM_MODEL    model name or folder                        Qwen/Qwen2.5-7B-Instruct
//   SN35_VLLM_HOST     address vLLM binds                          127.0.0.1
//   SN35_VLLM_PORT     port vLLM binds                             8000
//   SN35_VLLM_FLAGS    more flags for vLLM, quoted as in a shell; they win over what `logicnet plan` says:
//                      --max-model-len 8192 --gpu-memory-utilization 0.92 --tensor-parallel-size 2 ...
//   SN35_VLLM_PYTHON   interpreter that has vLLM                   .venv/bin/python
//   SN35_MINER_PYTHON  interpreter that has logicnet               .venv/bin/python
//   SN35_MINER_FLAGS   more flags for the miner: --logging.debug ...
//   SN35_LOGS          folder of the log files                     .run/logs
//   SN35_ENV_FILE      read instead of .env
//   HF_TOKEN           for gated models; handed to vLLM
//   VLLM_API_KEY       if set, vLLM asks for it and the miner sends it there; a server of your own choice
//                      (LOGICNET_MINER__LLM_CLIENT__BASE_URL) gets LOGICNET_MINER__LLM_CLIENT__KEY alone
//   LOGICNET_...       every setting of the miner, e.g. LOGICNET_WALLET__NAME, LOGICNET_WALLET__HOTKEY,
//                      LOGICNET_SUBTENSOR__NETWORK, LOGICNET_AXON__PORT (`logicnet mine --help`)
//
// Secrets belong in the environment or in .env: a flag can be read by every user of the machine (ps).

'use strict'

const fs = require('fs')
const path = require('path')

const home = __dirname // the checkout; `logicnet init` names it in a copy that lies elsewhere
const here = (file) => path.resolve(__dirname, file)
const program = (name) => name.includes('/') ? here(name) : name // a bare name is looked up on the PATH

function readEnvFile (file) {
  const found = {}
  if (!fs.existsSync(file)) return found
  for (const line of fs.readFileSync(file, 'utf8').split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*(?:\s#.*)?$/.exec(line)
    if (match) found[match[1]] = match[2] ?? match[3] ?? match[4]
  }
  return found
}

const env = { ...readEnvFile(here(process.env.SN35_ENV_FILE || '.env')), ...process.env }
const unquoted = (word) => word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single)
const words = (text) => (text.match(/(?:"[^"]*"|'[^']*'|\S)+/g) || []).map(unquoted)

const host = env.SN35_VLLM_HOST || '127.0.0.1'
const port = env.SN35_VLLM_PORT || '8000'
const near = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] || host // as logicnet/_util/net.py has it
const reach = near.includes(':') ? `[${near}]` : near
const elsewhere = Boolean(env.LOGICNET_MINER__LLM_CLIENT__BASE_URL) ||
  words(env.SN35_MINER_FLAGS || '').some((word) => /^--miner\.llm_client\.base_url(=|$)/.test(word))

// What vLLM has no use for does not reach it: passwords, keys of other servers, the miner's flags (there may be a
// key among them). It is emptied rather than left out, because pm2 adds the shell's environment to ours.
const vllmsOwn = /^(VLLM|HF|HUGGING_?FACE|AWS|MODELSCOPE)_/i
const secret = /(KEY|TOKEN|SECRET|PASSWORD|MNEMONIC)$|^BT_PW_|^SN35_MINER_FLAGS$/i
const notForVllm = Object.keys(env).filter((name) => secret.test(name) && !vllmsOwn.test(name))
const emptied = Object.fromEntries(notForVllm.map((name) => [name, '']))

const logs = here(env.SN35_LOGS || '.run/logs')

function app (name, { env: own, ...settings }) {
  const log = path.join(logs, `${name}.log`)
  return {
    name,
    cwd: __dirname,
    exec_mode: 'fork',
    autorestart: true,
    exp_backoff_restart_delay: 200, // ms; half as long again after each failure, up to 15 s
    min_uptime: 0, // never give up: by itself pm2 stops for good after 16 quick failures
    out_file: log,
    error_file: log,
    env: { PYTHONUNBUFFERED: '1', ...own },
    ...settings
  }
}

module.exports = {
  apps: [
    app('sn35-vllm', {
      script: path.resolve(home, 'scripts/serve_vllm.py'),
      interpreter: program(env.SN35_MINER_PYTHON || '.venv/bin/python'),
      args: [
        '--model', env.SN35_VLLM_MODEL || 'Qwen/Qwen2.5-7B-Instruct',
        '--host', host,
        '--port', port,
        ...words(env.SN35_VLLM_FLAGS || ''),
        ...(env.SN35_VLLM_PYTHON ? ['--python', program(env.SN35_VLLM_PYTHON)] : [])
      ],
      env: { ...env, ...emptied },
      stop_exit_codes: [2], // vLLM refuses to start for what no retry mends; the log says what does
      kill_timeout: 45000 // ms, to end vLLM and give the GPU's memory back, which takes 41 s at most
    }),
    app('sn35-miner', {
      script: path.resolve(home, 'neurons/miner/miner.py'),
      interpreter: program(env.SN35_MINER_PYTHON || '.venv/bin/python'),
      args: words(env.SN35_MINER_FLAGS || ''),
      env: {
        LOGICNET_MINER__LLM_CLIENT__BASE_URL: `http://${reach}:${port}/v1`,
        // The key of our own vLLM: no other server is shown it.
        ...(env.VLLM_API_KEY && !elsewhere ? { LOGICNET_MINER__LLM_CLIENT__KEY: env.VLLM_API_KEY } : {}),
        ...env
      },
      stop_exit_codes: [2], // a wrong setting: trying again mends nothing (pm2 still shows 'waiting restart')
      kill_timeout: 70000 // ms; it answers what it admitted, which takes 64 s at most
    })
  ].filter(({ name }) => name !== 'sn35-vllm' || env.SN35_VLLM !== 'false')
}
