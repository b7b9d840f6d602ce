namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>A sweep cut into strips of lines, with the way in which its windows are read.</summary>
internal sealed unsafe class SweepTask
{
    private readonly int stripLines, channels;
    private readonly bool isCopied;

    /// <summary>Floats from a position to the next and from a line to the next where the windows are read.</summary>
    private readonly nint position, line;

    private readonly nint[] segments;
    private readonly int segmentLength, segmentsPerRow;

    public SweepTask(Sweep sweep, PackedFilter w)
    {
        Sweep = sweep;
        stripLines = sweep.StripLines(w);
        Strips = (int)((sweep.Lines + stripLines - 1) / stripLines);
        channels = w.Inputs;
        PackedFilter.Part part = w.Parts[sweep.Part];
        isCopied = part.Depth > 0 && (sweep.IsPadded || (Ways.Collide((nint)sweep.Width.Stride * sweep.Channels) && w.Panels > 1));
        position = !isCopied ? sweep.Channels : Ways.Collide((nint)sweep.Width.Stride * channels) ? channels + Ways.Line : channels;
        line = isCopied ? sweep.Width.Extent * position : (nint)sweep.Width.Input * sweep.Channels;
        if (isCopied && Ways.Collide(line)) line += Ways.Line;
        bool rowsAreWhole = part.Columns == 1 || (position == channels && sweep.Width.Dilation == 1);
        segmentsPerRow = part.Columns == 0 ? 0 : rowsAreWhole ? 1 : part.Columns;
        segmentLength = rowsAreWhole ? part.Columns * channels : channels;
        segments = new nint[part.Rows * segmentsPerRow];
        for (int i = 0; i < segments.Length; i++)
        {
            var (row, column) = Math.DivRem(i, segmentsPerRow);
            segments[i] = sizeof(float) * (row * sweep.Height.Dilation * line + column * sweep.Width.Dilation * position);
        }
    }

    public Sweep Sweep { get; }

    public int Strips { get; }

    public void Run(int strip, int group, int firstPanel, int endPanel, float* x, PackedFilter w, float* y, in Epilogue epilogue)
    {
        long first = (long)strip * stripLines;
        int count = (int)Math.Min(stripLines, Sweep.Lines - first);
        x += (nint)group * channels;
        if (!isCopied)
        {
            Walk(first, count, group, firstPanel, endPanel, x, null, w, y, epilogue);
            return;
        }
        long rows = 0;
        for (long at = first; at < first + count; at = End(at, first + count)) rows += Rows(at, first + count);
        using var scratch = new Scratch(rows * line);
        float* to = scratch.Pointer;
        for (long at = first; at < first + count; at = End(at, first + count))
        {
            float* image = x + (nint)(at / Sweep.Height.Output) * Sweep.Height.Input * Sweep.Width.Input * Sweep.Channels;
            int top = (int)(at % Sweep.Height.Output) * Sweep.Height.Stride - Sweep.Height.PadBegin;
            for (int i = Rows(at, first + count); i > 0; i--, top++, to += line)
                CopyLine((uint)top < (uint)Sweep.Height.Input ? image + (nint)top * Sweep.Width.Input * Sweep.Channels : null, to);
        }
        Walk(first, count, group, firstPanel, endPanel, x, scratch.Pointer, w, y, epilogue);
    }

    /// <summary>The end of the lines from <paramref name="line"/> on that are of the same image.</summary>
    private long End(long line, long end) => Math.Min(end, (line / Sweep.Height.Output + 1) * Sweep.Height.Output);

    /// <summary>Input lines that these lines of one image read.</summary>
    private int Rows(long line, long end) => (int)(End(line, end) - line - 1) * Sweep.Height.Stride + (Sweep.Height.Kernel - 1) * Sweep.Height.Dilation + 1;

    private void Walk(
        long first, int count, int group, int firstPanel, int endPanel, float* x, float* copy, PackedFilter w, float* y, in Epilogue epilogue)
    {
        WindowAxis height = Sweep.Height;
        Span<Line> lines = stackalloc Line[count];
        for (long at = first, rows = 0; at < first + count;)
        {
            long begin = at, end = End(at, first + count);
            var (image, top) = Math.DivRem(at, height.Output);
            for (; at < end; at++, top++)
            {
                var (start, from, to) = height.Taps((int)top);
                float* a = copy != null
                    ? copy + (nint)(rows + (at - begin) * height.Stride) * line
                    : x + ((nint)image * height.Input + start) * line - (nint)Sweep.Width.PadBegin * Sweep.Channels;
                lines[(int)(at - first)] = new Line(a, y + Sweep.Origin + (nint)image * Sweep.YImage + (nint)top * Sweep.YRow, from * segmentsPerRow, to * segmentsPerRow,
                    Sweep.BlockRow == 0 ? 1 : Math.Min(Sweep.BlockRows, Sweep.ResultRows - (int)top * Sweep.BlockRows));
            }
            rows += Rows(begin, first + count);
        }
        var strip = new Strip
        {
            Lines = lines, Positions = Sweep.Width.Output, AStep = Sweep.Width.Stride * position, YStep = Sweep.YStep, Segments = segments, SegmentLength = segmentLength,
            BlockRow = Sweep.BlockRow, LineFloats = Sweep.BlockRow - Sweep.Origin, BlockChannels = w.Outputs / (w.Block.Rows * w.Block.Columns),
        };
        PanelWalk.Run(strip, w, Sweep.Part, group, firstPanel, endPanel, y, epilogue);
    }

    /// <summary>Copies a line of the input, or none, with zeros for the padding beside it.</summary>
    private void CopyLine(float* from, float* to)
    {
        WindowAxis width = Sweep.Width;
        int extent = width.Extent, left = Math.Clamp(width.PadBegin, 0, extent), right = Math.Clamp(width.Input + width.PadBegin, left, extent);
        if (from == null) left = right = extent;
        new Span<float>(to, (int)(left * position)).Clear();
        new Span<float>(to + right * position, (int)((extent - right) * position)).Clear();
        if (left == right) return;
        from += (nint)(left - width.PadBegin) * Sweep.Channels;
        to += left * position;
        if (position == channels && channels == Sweep.Channels)
        {
            new ReadOnlySpan<float>(from, (right - left) * channels).CopyTo(new Span<float>(to, (right - left) * channels));
            return;
        }
        for (int i = left; i < right; i++, from += Sweep.Channels, to += position)
            new ReadOnlySpan<float>(from, channels).CopyTo(new Span<float>(to, channels));
    }
}
