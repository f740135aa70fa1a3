// Parses a query in M, the language of Power Query, that it is given as its first argument.
const { DefaultSettings, TaskUtils } = require('@microsoft/powerquery-parser');

TaskUtils.tryLexParse(DefaultSettings, process.argv[2]).then((task) => {
  const problem = TaskUtils.isParseStageOk(task) ? null : (task.error?.message ?? 'it is not M');
  console.log(JSON.stringify({ name: 'the query in M is parsed', problem }));
});
