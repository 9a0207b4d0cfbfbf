using Postern.Cli;
using Postern.Cli.Console;

return await PosternExecutable.RunAsync(args, Surroundings.OfProcess());
