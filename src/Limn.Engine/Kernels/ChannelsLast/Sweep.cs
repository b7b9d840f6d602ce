namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>One pass of windows over a channels-last tensor, whose results go to positions at a constant distance from each other.</summary>
internal sealed record Sweep
{
    /// <summary>Bytes of input lines that a strip takes: they stay in the second-level cache beside a panel.</summary>
    private const long StripBytes = 1 << 19;

    /// <summary>Strips to aim for, so that threads share the work evenly.</summary>
    private const int Strips = 16;

    /// <summary>Multiply-adds that a strip is worth at least.</summary>
    private const long Work = 1 << 20;

    public required int Batch { get; init; }

    /// <summary>From the input to the result's positions, with the taps of this part of the weights.</summary>
    public required WindowAxis Height { get; init; }

    public required WindowAxis Width { get; init; }

    /// <summary>Channels of the input, all groups together.</summary>
    public required int Channels { get; init; }

    /// <summary>The part of the packed weights.</summary>
    public int Part { get; init; }

    /// <summary>Floats from the start of the result to the first position.</summary>
    public nint Origin { get; init; }

    /// <summary>Floats of the result from a position to the next.</summary>
    public required nint YStep { get; init; }

    public required nint YRow { get; init; }

    public required nint YImage { get; init; }

    /// <summary>Where results are blocks of positions: rows of a block; 1 where they are not.</summary>
    public int BlockRows { get; init; } = 1;

    /// <summary>Where results are blocks: floats of a block's row.</summary>
    public nint BlockRow { get; init; }

    /// <summary>Where results are blocks: rows of the result, which the last block may reach beyond.</summary>
    public int ResultRows { get; init; }

    public bool IsEmpty => Batch == 0 || Height.Output == 0 || Width.Output == 0;

    /// <summary>Whether every position of the result reads the same position of the input and the result lies without gaps.</summary>
    public bool IsPointwise =>
        BlockRow == 0 && Height.IsIdentity && Width.IsIdentity && YRow == Width.Output * YStep && YImage == Height.Output * YRow;

    /// <summary>Whether some window reaches beyond the input.</summary>
    public bool IsPadded => Reaches(Height) || Reaches(Width);

    /// <summary>Lines of the result, images one after another.</summary>
    public long Lines => (long)Batch * Height.Output;

    /// <summary>The same in columns narrow enough for the cache, and enough of them where there are few lines.</summary>
    public IEnumerable<Sweep> Columns()
    {
        long lineBytes = (long)Width.Extent * Channels * sizeof(float), narrow = 4 * lineBytes * Math.Max(1, Height.Kernel) / StripBytes;
        long blocks = Math.Clamp(Math.Max(narrow, Lines < Strips / 2 ? Strips / 2 : 1), 1, Math.Max(1, Width.Output / 56));
        for (long i = 0; i < blocks; i++)
        {
            int from = (int)(Width.Output * i / blocks), to = (int)(Width.Output * (i + 1) / blocks);
            yield return blocks == 1 ? this : this with
            {
                Width = Width with { Output = to - from, PadBegin = Width.PadBegin - from * Width.Stride },
                Origin = Origin + from * YStep,
            };
        }
    }

    /// <summary>Lines that make a strip, whatever the number of threads.</summary>
    public int StripLines(PackedFilter w)
    {
        long lineBytes = Math.Max(1, (long)Width.Extent * w.Inputs * Height.Stride * sizeof(float)), work = (long)Width.Output * w.Parts[Part].Depth * w.Outputs;
        long most = Math.Max(2, StripBytes / lineBytes), least = Math.Max(2 * Height.Kernel, Work / Math.Max(1, work));
        long lines = Math.Clamp((Lines + Strips - 1) / Strips, Math.Min(least, most), most);
        bool large = w.Parts[Part].Depth * (long)w.Outputs * sizeof(float) > 2 * StripBytes; // the panels come from far: let many lines use them
        if (large) lines = Math.Max(lines, most);
        long strips = (Lines + lines - 1) / lines;
        lines = (Lines + strips - 1) / strips;
        return (int)Math.Min(lines + (lines & 1), 256);
    }

    private static bool Reaches(WindowAxis axis) =>
        axis.PadBegin > 0 || (axis.Output - 1) * axis.Stride - axis.PadBegin + (axis.Kernel - 1) * axis.Dilation >= axis.Input;
}
