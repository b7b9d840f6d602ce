using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Limn.Cli.Outputs;

/// <summary>Runs work that may take long and shows how far it is: a bar on a terminal, now and then a line elsewhere.</summary>
internal static class LongWork
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(5);

    /// <summary>Runs <paramref name="work"/>; what it throws comes through.</summary>
    public static T Run<T>(CommandContext context, string what, Func<IProgress<Progress>, T> work)
    {
        var state = new Latest();
        Task<T> task = Task.Run(() => work(state));
        if (!Finished(task, Patience))
        {
            if (context.ErrorIsTerminal) Bar(context, what, task, state);
            else Lines(context, what, task, state);
        }
        return task.GetAwaiter().GetResult();
    }

    private static void Lines(CommandContext context, string what, Task task, Latest state)
    {
        long started = Stopwatch.GetTimestamp();
        while (!Finished(task, BetweenLines))
        {
            if (context.Cancellation.IsCancellationRequested) continue;
            int seconds = (int)(Stopwatch.GetElapsedTime(started) + Patience).TotalSeconds;
            context.Note($"{what}: {(state.Value.Fraction * 100).ToString("F0", CultureInfo.InvariantCulture)} % after {seconds} s");
        }
    }

    private static void Bar(CommandContext context, string what, Task task, Latest state)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(context.Error) });
        console.Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn(), new SpinnerColumn())
            .Start(bars =>
            {
                ProgressTask bar = bars.AddTask(Markup.Escape(what), maxValue: 1);
                while (!Finished(task, TimeSpan.FromMilliseconds(100))) bar.Value = state.Value.Fraction;
                bar.Value = 1;
            });
    }

    private static bool Finished(Task task, TimeSpan within) => Task.WaitAny([task], within) == 0;

    /// <summary>The latest report; a method inside another reports too, so the furthest of the same total counts.</summary>
    private sealed class Latest : IProgress<Progress>
    {
        private readonly Lock gate = new();
        private Progress value = new(0, 1);

        public Progress Value
        {
            get { lock (gate) return value; }
        }

        public void Report(Progress report)
        {
            // The outermost loop has the largest total; smaller ones run within one of its steps.
            lock (gate)
                if (report.Total >= value.Total) value = report;
        }
    }
}
