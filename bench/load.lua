-- wrk runs this script. It sends the requests of a file, and writes what it saw into another one.
-- One line of REQUESTS is one request: path, tab, body. OUT gets the numbers, the text of a wrong answer, and ids.

local requests, threads = {}, {}
local position, ids_per_answer = 0, tonumber(os.getenv('IDS_PER_ANSWER'))

-- These are global, so that the main script can read them from the thread.
wrong, failure, acknowledged = 0, '', {}

function setup(thread)
  table.insert(threads, thread)
end

function init()
  local headers = { ['content-type'] = 'application/json', authorization = 'Bearer ' .. os.getenv('TOKEN') }
  for line in io.lines(os.getenv('REQUESTS')) do
    local path, body = line:match('^(.-)\t(.*)$')
    requests[#requests + 1] = wrk.format('POST', path, headers, body)
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function response(status, _, body)
  local ids = 0
  if ids_per_answer > 0 then
    for id in body:gmatch('"id":"([%x-]+)"') do
      ids = ids + 1
      acknowledged[#acknowledged + 1] = id
    end
  end
  if status ~= 200 or ids ~= ids_per_answer or body:find('"errors":', 1, true) then
    wrong = wrong + 1
    failure = status .. ' ' .. body:sub(1, 300):gsub('%s+', ' ')
  end
end

function done(summary, latency)
  local errors = summary.errors
  local file = io.open(os.getenv('OUT'), 'w')
  file:write(string.format('{"requests":%d,"microseconds":%d,"p50":%f,"p99":%f,"max":%f,"broken":%d,"wrong":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect + errors.read + errors.write + errors.timeout, threads[1]:get('wrong')))
  file:write(threads[1]:get('failure'), '\n', table.concat(threads[1]:get('acknowledged'), '\n'))
  file:close()
end
