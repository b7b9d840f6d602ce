namespace Limn.Engine.Tests;

/// <summary>Damages files: the same seed gives the same damage.</summary>
internal sealed class Mutator(int seed)
{
    private static readonly byte[][] Telling =
    [
        [0xFF, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0x7F], [0, 0, 0, 0x80], [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], // numbers at the edges, also as varints
        [0x7F, 0xFF, 0xFF, 0xFF], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], "NaN"u8.ToArray(), "1e999"u8.ToArray(), "-1"u8.ToArray(), "\""u8.ToArray(), "../"u8.ToArray(),
    ];

    private readonly Random random = new(seed);

    public int Next(int below) => random.Next(below);

    public bool Chance(double share) => random.NextDouble() < share;

    public T One<T>(IReadOnlyList<T> of) => of[random.Next(of.Count)];

    /// <summary>A damaged copy: one to four of bits flipped, bytes set, cut off, removed, repeated, moved, overwritten with telling numbers, or spliced with another file.</summary>
    public byte[] Damage(byte[] file, byte[] other)
    {
        List<byte> bytes = [.. file];
        for (int times = 1 + random.Next(4); times > 0 && bytes.Count > 0; times--) Once(bytes, other);
        return [.. bytes];
    }

    private void Once(List<byte> bytes, byte[] other)
    {
        int at = random.Next(bytes.Count), length = Math.Min(bytes.Count - at, 1 + random.Next(Chance(0.8) ? 8 : 256));
        switch (random.Next(9))
        {
            case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
            case 1: bytes[at] = (byte)random.Next(256); break;
            case 2: bytes.RemoveRange(at, bytes.Count - at); break;
            case 3: bytes.RemoveRange(at, length); break;
            case 4: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
            case 5: Move(bytes, at, length); break;
            case 6: Overwrite(bytes, at, One(Telling)); break;
            case 7: bytes.InsertRange(at, One(Telling)); break;
            default: Splice(bytes, at, other); break;
        }
    }

    private void Move(List<byte> bytes, int at, int length)
    {
        List<byte> part = bytes.GetRange(at, length);
        bytes.RemoveRange(at, length);
        bytes.InsertRange(random.Next(bytes.Count + 1), part);
    }

    private static void Overwrite(List<byte> bytes, int at, byte[] with)
    {
        for (int i = 0; i < with.Length && at + i < bytes.Count; i++) bytes[at + i] = with[i];
    }

    private void Splice(List<byte> bytes, int at, byte[] other)
    {
        if (other.Length == 0) return;
        bytes.RemoveRange(at, bytes.Count - at);
        bytes.AddRange(other.AsSpan(random.Next(other.Length)));
    }
}

/// <summary>Tries readers on damaged files, and says what came of it.</summary>
internal static class Fuzz
{
    private const int SecondsEach = 10;
    private const long BytesEach = 512L << 20;

    /// <summary>How many mutants for one that CI runs; LIMN_FUZZ=50 runs fifty times as many.</summary>
    public static int Times { get; } = int.TryParse(Environment.GetEnvironmentVariable("LIMN_FUZZ"), out int times) ? Math.Max(1, times) : 1;

    /// <summary>Runs <paramref name="attempt"/> on mutants 0 to <paramref name="count"/>: it must succeed or end in a <see cref="LimnException"/>, soon, and without much memory.</summary>
    /// <returns>How many succeeded.</returns>
    public static int Run(int count, Action<int> attempt)
    {
        int succeeded = 0;
        var failures = new System.Collections.Concurrent.ConcurrentBag<string>();
        Parallel.For(0, count * Times, seed =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            string? failure = Try(attempt, seed, out double seconds);
            long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            if (failure is null) Interlocked.Increment(ref succeeded);
            else if (failure.Length > 0) failures.Add($"mutant {seed}: {failure}");
            // A busy machine may take its time once.
            if (seconds > SecondsEach && Try(attempt, seed, out seconds) is var _ && seconds > SecondsEach) failures.Add($"mutant {seed} took {seconds:F1} s");
            if (bytes > BytesEach) failures.Add($"mutant {seed} took {bytes >> 20} MiB");
        });
        Assert.True(failures.IsEmpty, $"{failures.Count} of {count * Times}:\n{string.Join('\n', failures.Order().Take(20))}");
        return succeeded;
    }

    /// <summary>Null if it succeeded, empty if it was refused well, else what is wrong.</summary>
    private static string? Try(Action<int> attempt, int seed, out double seconds)
    {
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        try
        {
            attempt(seed);
            return null;
        }
        catch (LimnException e)
        {
            return e.Message.Any(char.IsControl) || e.Message.Length > 4000 ? $"a message of {e.Message.Length} characters, some perhaps not printable: {e.Message[..Math.Min(200, e.Message.Length)]}" : "";
        }
        catch (Exception e) // whatever else it is, it is what is looked for
        {
            return $"{e.GetType().Name}: {e.Message} {e.StackTrace?.Split('\n')[0].Trim()}";
        }
        finally
        {
            seconds = System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds;
        }
    }
}
