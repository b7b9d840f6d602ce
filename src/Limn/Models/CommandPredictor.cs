using System.Diagnostics;
using System.Globalization;
using Limn.Engine;

namespace Limn.Models;

/// <summary>How rows are written for a program.</summary>
public enum RowFormat
{
    /// <summary>Comma-separated values (RFC 4180) with a header of the columns' names.</summary>
    Csv,

    /// <summary>A JSON object a line, with the columns' names.</summary>
    JsonLines,
}

/// <summary>A model that is a program, in any language.</summary>
/// <remarks>
/// For each batch the program is started, reads all rows from its standard input until that ends, and writes a line for each to its standard output: numbers with commas
/// between, or a JSON list of them. There is no shell: the program is started itself, in the current folder, with the environment of this process. Numbers are written
/// with as many digits as bring them back exactly. What it writes to its standard error is quoted when it fails. Safe to be called by several threads, each of which starts a program of its own
/// (<see cref="ExplainOptions.PredictorThreads"/>).
/// </remarks>
/// <param name="arguments">The program, and its arguments.</param>
public sealed class CommandPredictor(IReadOnlyList<string> arguments) : IPredictor
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    /// <param name="command">The program and its arguments, with white space between, and quotes around what holds white space; no shell reads it.</param>
    /// <exception cref="InvalidOptionException">It is empty, or a quote is not closed.</exception>
    public CommandPredictor(string command) : this(CommandLineText.Split(command)) { }

    /// <summary>The program, and its arguments.</summary>
    public IReadOnlyList<string> Arguments { get; } = arguments is [{ Length: > 0 }, ..] ? arguments : throw new InvalidOptionException("The command of a predictor is empty; give a program and its arguments.");

    /// <summary>How rows are written.</summary>
    public RowFormat Format { get; init; }

    /// <summary>The names of the columns; x0, x1, ... (for a single column of text: text) when null.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>How long the program may take for a batch (default 60 s).</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The folder that the program is started in; the current one when null.</summary>
    public string? WorkingFolder { get; init; }

    /// <summary>The scores of a batch: [rows, scores].</summary>
    /// <exception cref="PredictorException">The program cannot be started, takes too long, fails, or answers with something else than a line of scores for each row.</exception>
    public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        cancellation.ThrowIfCancellationRequested();
        if (inputs.Count == 0 || inputs[0].Rank == 0) throw new ShapeMismatchException("A program needs rows to score, and none were given.");
        int rows = inputs[0].Dims[0];
        var writer = new RowWriter(inputs, Columns, Format);
        using Process process = Start();
        var tail = new TailReader(process.StandardError);
        Task<string> answer = Task.Run(() => RowReader.ReadAll(process.StandardOutput), CancellationToken.None);
        Task<string> complaint = Task.Run(tail.Read, CancellationToken.None);
        // A program may end, or close its input, before it has read everything: what it answers tells whether that is a fault.
        Task writing = Task.Run(() => Feed(process, writer), CancellationToken.None);
        long started = Stopwatch.GetTimestamp();
        bool finished = false;
        try
        {
            finished = Wait([answer, complaint, writing], started, cancellation) && process.WaitForExit(Remaining(started));
        }
        finally
        {
            if (!finished) Kill(process);
        }
        if (!finished)
        {
            complaint.Wait(Grace, CancellationToken.None);
            throw Fault($"took longer than {TimeLimit.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s for {rows} rows and was stopped. Allow more time (--predictor-timeout), or give it fewer rows at once", tail.Text);
        }
        if (process.ExitCode != 0) throw Fault($"failed with exit code {process.ExitCode.ToString(CultureInfo.InvariantCulture)} when it was given {rows} rows", tail.Text);
        if (answer.Result.Length >= RowReader.MostCharacters) throw Fault($"wrote more than {RowReader.MostCharacters} characters for {rows} rows; it must write a line of scores for each", "");
        return [RowReader.Scores(answer.Result, rows, fault => Fault(fault, tail.Text))];
    }

    private Process Start()
    {
        var start = new ProcessStartInfo(Arguments[0], Arguments.Skip(1))
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = System.Text.Encoding.UTF8,
            StandardErrorEncoding = System.Text.Encoding.UTF8,
            WorkingDirectory = WorkingFolder ?? "",
        };
        try
        {
            return Process.Start(start) ?? throw new PredictorException($"The program '{Arguments[0]}' cannot be started.");
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException or UnauthorizedAccessException)
        {
            throw new PredictorException($"The program '{Arguments[0]}' cannot be started: {e.Message}{(e.Message.EndsWith('.') ? "" : ".")} Is it installed, and on the PATH? Nothing but the program's name and its arguments may stand there; pipes and the like need a shell: sh -c '...'.", e);
        }
    }

    private static void Feed(Process process, RowWriter writer)
    {
        try
        {
            using StreamWriter input = process.StandardInput;
            writer.Write(input);
        }
        catch (IOException)
        {
            return; // it reads no more
        }
    }

    /// <summary>Whether all tasks came to an end within the time limit.</summary>
    private bool Wait(Task[] tasks, long started, CancellationToken cancellation)
    {
        try
        {
            return Task.WaitAll(tasks, (int)Remaining(started).TotalMilliseconds, cancellation);
        }
        catch (AggregateException e) when (e.InnerException is IOException or ObjectDisposedException)
        {
            throw Fault($"broke off: {e.InnerException.Message}", "");
        }
    }

    private TimeSpan Remaining(long started)
    {
        TimeSpan left = TimeLimit - Stopwatch.GetElapsedTime(started);
        return left < TimeSpan.Zero ? TimeSpan.Zero : left > TimeSpan.FromDays(20) ? TimeSpan.FromDays(20) : left;
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception or AggregateException)
        {
            return; // it has ended in the meantime
        }
    }

    private PredictorException Fault(string fault, string said) =>
        new($"The program '{string.Join(' ', Arguments.Select(a => a.Length == 0 || a.Contains(' ', StringComparison.Ordinal) ? $"\"{a}\"" : a))}' {fault}.{(said.Length > 0 ? $" It said: {said}" : "")}");
}
