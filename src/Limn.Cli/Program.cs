using System.Runtime.InteropServices;
using Limn.Cli;

using var cancelled = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
return LimnCommand.Run(args, new CommandContext(Console.Out, Console.Error)
{
    OutIsTerminal = !Console.IsOutputRedirected,
    ErrorIsTerminal = !Console.IsErrorRedirected,
    Cancellation = cancelled.Token,
});

// The first signal asks the work to stop, so that nothing partial is left; a second one ends the process as usual.
void Cancel(PosixSignalContext context)
{
    context.Cancel = !cancelled.IsCancellationRequested;
    cancelled.Cancel();
}
