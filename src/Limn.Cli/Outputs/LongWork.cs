using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Limn.Cli.Outputs;

/// <summary>Runs work that may take long and shows how far it is: a bar on a terminal, now and then a line elsewhere.</summary>
internal static class LongWork
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(5);

    /// <summary>Runs <paramref name="work"/>; what it throws comes through.</summary>
    public static T Run<T>(CommandContext context, string what, Func<IProgress<Progress>, T> work)
    {
        var state = new Latest(what);
        return Run(context, Task.Run(() => work(state)), state);
    }

    /// <summary>Runs <paramref name="work"/>, which is several methods one after another, and names the one that is running.</summary>
    public static T RunSeveral<T>(CommandContext context, Func<IProgress<MethodProgress>, T> work)
    {
        var state = new Latest("Explaining");
        return Run(context, Task.Run(() => work(state)), state);
    }

    private static T Run<T>(CommandContext context, Task<T> task, Latest state)
    {
        if (!Finished(task, Patience))
        {
            if (context.ErrorIsTerminal) Bar(context, task, state);
            else Lines(context, task, state);
        }
        return task.GetAwaiter().GetResult();
    }

    /// <summary>A line now and then, and one whenever another method begins.</summary>
    private static void Lines(CommandContext context, Task task, Latest state)
    {
        long started = Stopwatch.GetTimestamp(), said = started;
        string what = state.What;
        while (!Finished(task, BetweenLooks))
        {
            if (context.Cancellation.IsCancellationRequested || (what == state.What && Stopwatch.GetElapsedTime(said) < BetweenLines)) continue;
            what = state.What;
            said = Stopwatch.GetTimestamp();
            int seconds = (int)(Stopwatch.GetElapsedTime(started) + Patience).TotalSeconds;
            context.Note($"{what}: {(state.Value.Fraction * 100).ToString("F0", CultureInfo.InvariantCulture)} % after {seconds} s");
        }
    }

    private static void Bar(CommandContext context, Task task, Latest state)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(context.Error) });
        console.Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn(), new SpinnerColumn())
            .Start(bars =>
            {
                ProgressTask bar = bars.AddTask(Markup.Escape(state.What), maxValue: 1);
                while (!Finished(task, TimeSpan.FromMilliseconds(100)))
                {
                    bar.Description = Markup.Escape(state.What);
                    bar.Value = state.Value.Fraction;
                }
                bar.Value = 1;
            });
    }

    private static bool Finished(Task task, TimeSpan within) => Task.WaitAny([task], within) == 0;

    /// <summary>The latest report; a method inside another reports too, so the furthest of the same total counts.</summary>
    private sealed class Latest(string first) : IProgress<Progress>, IProgress<MethodProgress>
    {
        private readonly Lock gate = new();
        private Progress value = new(0, 1);
        private string what = first;
        private int index;

        public string What
        {
            get { lock (gate) return what; }
        }

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

        public void Report(MethodProgress report)
        {
            lock (gate)
            {
                if (report.Index != index) value = new Progress(0, 1);
                index = report.Index;
                what = $"{MethodRegistry.Find(report.Method.Name).Title} ({report.Index + 1} of {report.Count})";
                if (report.Progress.Total >= value.Total) value = report.Progress;
            }
        }
    }
}
