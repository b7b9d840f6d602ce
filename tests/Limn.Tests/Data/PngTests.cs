using System.IO.Compression;
using Limn.Data;

namespace Limn.Tests.Data;

public class PngTests
{
    // Written by Pillow 9.4.
    private const string Palette2 = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAgMAAADgGo6JAAAADFBMVEUKFB4oMjxGUFrI0tyP4VWeAAAADElEQVR4nGOQYHgCAAEwAP1WzRxzAAAAAElFTkSuQmCC";
    private const string Palette4Alpha = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACBAMAAABvWnspAAAAMFBMVEUKFB4oMjxGUFrI0twAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAiHDSDAAAAA3RSTlP/gAB/bWh4AAAADklEQVR4nGNgVGAwEgAAAP8AZLqGVOQAAAAASUVORK5CYII=";
    private const string Grey16 = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACEAAAAAAHTY67AAAAEklEQVR4nGNgYGBkZGhg+P8fAAUUAoFmhlmaAAAAAElFTkSuQmCC";
    private const string GreyAlpha = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAQAAABeK7cBAAAADUlEQVR4nGPgEjnxHwAC+AHmXJDsqwAAAABJRU5ErkJggg==";
    private const string Grey1 = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAABAQAAAADPjgLTAAAAC0lEQVR4nGOY5AAAAWcA03fFTBwAAAAASUVORK5CYII=";
    private const string RgbKey = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAABnRSTlMAAQACAAPJS6v1AAAAD0lEQVR4nGNkZGJmZmYGAAA8ABHVfkbmAAAAAElFTkSuQmCC";

    [Fact]
    public void Pictures_of_pillow_are_read()
    {
        AssertPixels(Palette2, 3, 2, 3, [10, 20, 30, 40, 50, 60, 70, 80, 90, 200, 210, 220, 70, 80, 90, 40, 50, 60]);
        AssertPixels(Palette4Alpha, 3, 2, 4, [10, 20, 30, 255, 40, 50, 60, 128, 70, 80, 90, 0, 200, 210, 220, 255, 70, 80, 90, 0, 40, 50, 60, 128]);
        AssertPixels(Grey16, 2, 2, 1, [0, 1, 128, 255]);
        AssertPixels(GreyAlpha, 2, 1, 4, [10, 10, 10, 20, 200, 200, 200, 255]);
        AssertPixels(Grey1, 10, 1, 1, [255, 0, 0, 255, 0, 0, 255, 0, 0, 255]);
        AssertPixels(RgbKey, 2, 1, 4, [1, 2, 3, 0, 4, 5, 6, 255]);
    }

    public static TheoryData<int, int> Kinds { get; } = new()
    {
        { 0, 1 }, { 0, 2 }, { 0, 4 }, { 0, 8 }, { 0, 16 }, { 2, 8 }, { 2, 16 }, { 3, 1 }, { 3, 2 }, { 3, 4 }, { 3, 8 }, { 4, 8 }, { 4, 16 }, { 6, 8 }, { 6, 16 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_colour_type_and_depth_is_read_plain_and_interlaced(int colour, int depth)
    {
        int maximum = (1 << depth) - 1;
        int Sample(int x, int y, int s) => (int)((uint)((((x + 1) * 7919) + (y * 104729) + (s * 1299709)) * 2654435761u) >> 8) & maximum;
        byte[] palette = [.. Enumerable.Range(0, 3 * (maximum + 1)).Select(i => (byte)(i * 37))];
        (string, byte[])[] chunks = colour == 3 ? [("PLTE", palette)] : [("gAMA", [0, 0, 0, 1])];
        foreach ((int width, int height) in ((int, int)[])[(1, 1), (2, 3), (5, 1), (1, 6), (9, 10), (17, 8)])
        {
            foreach (bool interlaced in (bool[])[false, true])
            {
                Image image = PngFile.Decode(TestPng.Write(width, height, depth, colour, interlaced, Sample, chunks));
                Assert.Equal(new ImageSize(width, height), image.Size);
                Assert.Equal(colour switch { 0 => 1, 2 or 3 => 3, _ => 4 }, image.Channels);
                for (int y = 0; y < height; y++)
                {
                    for (int x = 0; x < width; x++)
                    {
                        byte Scaled(int s) => (byte)Math.Round(Sample(x, y, s) * 255.0 / maximum);
                        byte[] expected = colour switch
                        {
                            3 => palette[(3 * Sample(x, y, 0))..((3 * Sample(x, y, 0)) + 3)],
                            4 => [Scaled(0), Scaled(0), Scaled(0), Scaled(1)],
                            _ => [.. Enumerable.Range(0, TestPng.Samples(colour)).Select(Scaled)],
                        };
                        Assert.Equal(expected, image[x, y].ToArray());
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(0, 1, new byte[] { 0, 1 })]
    [InlineData(0, 16, new byte[] { 0x12, 0x34 })]
    [InlineData(2, 16, new byte[] { 0x12, 0x34, 0, 0, 0, 1 })]
    public void A_transparent_colour_is_compared_at_full_depth(int colour, int depth, byte[] key)
    {
        int Key(int s) => (key[2 * s] << 8) | key[(2 * s) + 1];
        byte[] file = TestPng.Write(2, 1, depth, colour, false, (x, _, s) => x == 0 ? Key(s) : Key(s) ^ 1, ("tRNS", key));
        Image image = PngFile.Decode(file);
        Assert.Equal(4, image.Channels);
        Assert.Equal((0, 255), (image[0, 0][3], image[1, 0][3]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    public void What_is_written_reads_back(int channels)
    {
        using var folder = new TemporaryFolder();
        foreach ((int width, int height) in ((int, int)[])[(1, 1), (3, 2), (64, 33)])
        {
            var image = new Image(width, height, channels);
            for (int i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)((i * i / 3) + (i % 7));
            PngFile.Write(folder["a.png"], image);
            Image read = ImageFile.Read(folder["a.png"]);
            Assert.Equal((width, height, channels), (read.Width, read.Height, read.Channels));
            Assert.Equal(image.Pixels, read.Pixels);
        }
    }

    [Fact]
    public void A_smooth_picture_is_compressed_by_its_filters()
    {
        var image = new Image(256, 256, 1);
        for (int y = 0; y < 256; y++) for (int x = 0; x < 256; x++) image[x, y][0] = (byte)(x + y);
        Assert.InRange(PngFile.Encode(image).Length, 1, 1000);
    }

    [Fact]
    public void A_picture_cut_anywhere_is_refused_and_a_changed_byte_is_found()
    {
        byte[] file = TestPng.Write(5, 4, 4, 3, true, (x, y, _) => (x + y) % 3, ("PLTE", [1, 2, 3, 4, 5, 6, 7, 8, 9]), ("tRNS", [0, 128]));
        Assert.Equal(4, PngFile.Decode(file).Channels);
        for (int at = 0; at < file.Length; at++)
        {
            Assert.Throws<Limn.InvalidDataException>(() => PngFile.Decode(file[..at]));
            foreach (int bit in (int[])[1, 32, 128])
            {
                byte[] mutant = [.. file];
                mutant[at] ^= (byte)bit;
                Assert.Throws<Limn.InvalidDataException>(() => PngFile.Decode(mutant)); // checksums cover all but the signature
            }
        }
    }

    [Fact]
    public void A_changed_byte_under_a_right_checksum_reads_or_is_refused()
    {
        byte[] header = [0, 0, 0, 3, 0, 0, 0, 3, 8, 2, 0, 0, 0];
        byte[] data = Compress(new byte[30]);
        for (int at = 0; at < header.Length + data.Length; at++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                (byte[] h, byte[] d) = ([.. header], [.. data]);
                if (at < h.Length) h[at] ^= (byte)(1 << bit);
                else d[at - h.Length] ^= (byte)(1 << bit);
                Exception? error = Record.Exception(() => PngFile.Decode(TestPng.Join(("IHDR", h), ("IDAT", d), ("IEND", []))));
                Assert.True(error is null or LimnException, $"byte {at}, bit {bit}: {error}");
            }
        }
    }

    [Fact]
    public void Malformed_files_are_refused_with_a_reason()
    {
        byte[] header = [0, 0, 0, 2, 0, 0, 0, 2, 8, 0, 0, 0, 0];
        byte[] huge = [0, 1, 0, 0, 0, 1, 0, 0, 8, 0, 0, 0, 0];
        byte[] large = [0, 0, 39, 16, 0, 0, 39, 16, 8, 0, 0, 0, 0]; // 10000 x 10000
        byte[] pixels = Compress(new byte[6]);
        Refuses("is not", ("IDAT", pixels), ("IEND", []));
        Refuses("no pixels", ("IHDR", header), ("IEND", []));
        Refuses("only one", ("IHDR", header), ("IHDR", header), ("IDAT", pixels), ("IEND", []));
        Refuses("100000000", ("IHDR", huge), ("IDAT", pixels), ("IEND", []));
        Refuses("cannot hold", ("IHDR", large), ("IDAT", pixels), ("IEND", []));
        Refuses("at least 1", ("IHDR", [0, 0, 0, 0, .. header[4..]]), ("IDAT", pixels), ("IEND", []));
        Refuses("colour type 5", ("IHDR", [.. header[..9], 5, 0, 0, 0]), ("IDAT", pixels), ("IEND", []));
        Refuses("more than its 6 bytes", ("IHDR", header), ("IDAT", Compress(new byte[7])), ("IEND", []));
        Refuses("truncated in row 1", ("IHDR", header), ("IDAT", Compress(new byte[5])), ("IEND", []));
        Refuses("filter 5", ("IHDR", header), ("IDAT", Compress([0, 1, 2, 5, 1, 2])), ("IEND", []));
        Refuses("one after the other", ("IHDR", header), ("IDAT", pixels[..4]), ("tEXt", []), ("IDAT", pixels[4..]), ("IEND", []));
        Refuses("unknown chunk ABCD", ("IHDR", header), ("ABCD", []), ("IDAT", pixels), ("IEND", []));
        Refuses("palette is missing", ("IHDR", [.. header[..9], 3, 0, 0, 0]), ("IDAT", pixels), ("IEND", []));
        Refuses("uses colour 9 of a palette of 1", ("IHDR", [.. header[..9], 3, 0, 0, 0]), ("PLTE", [1, 2, 3]), ("IDAT", Compress([0, 0, 9, 0, 0, 0])), ("IEND", []));
        Refuses("palette is malformed", ("IHDR", [.. header[..9], 3, 0, 0, 0]), ("PLTE", [1, 2, 3, 4]), ("IDAT", pixels), ("IEND", []));
        Refuses("transparency", ("IHDR", header), ("tRNS", [1]), ("IDAT", pixels), ("IEND", []));
        Refuses("decompressed", ("IHDR", header), ("IDAT", [1, 2, 3, 4]), ("IEND", []));

        static void Refuses(string reason, params (string, byte[])[] chunks)
        {
            if (reason == "is not") reason = "header";
            var error = Assert.Throws<Limn.InvalidDataException>(() => PngFile.Decode(TestPng.Join(chunks)));
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_limit_on_pixels_can_be_moved()
    {
        byte[] file = PngFile.Encode(new Image(10, 10, 1));
        Assert.Throws<Limn.InvalidDataException>(() => PngFile.Decode(file, new ImageOptions { MaximumPixels = 99 }));
        Assert.Equal(10, PngFile.Decode(file, new ImageOptions { MaximumPixels = 100 }).Width);
        Assert.Equal(10, PngFile.Decode(file, new ImageOptions { MaximumPixels = long.MaxValue }).Width);
    }

    [SharedFact("images/kitten_224.png")]
    public void The_kitten_has_its_pixels()
    {
        Image image = ImageFile.Read(SharedFiles.Path("images/kitten_224.png"));
        Assert.Equal((224, 224, 4), (image.Width, image.Height, image.Channels));
        Assert.Equal(42670187, image.Pixels.Sum(p => (long)p)); // by Pillow
        Assert.Equal("b9064a771ea1acdc", Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(image.Pixels))[..16]);
    }

    private static byte[] Compress(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var zlib = new ZLibStream(stream, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(bytes);
        return stream.ToArray();
    }

    private static void AssertPixels(string base64, int width, int height, int channels, byte[] pixels)
    {
        Image image = PngFile.Decode(Convert.FromBase64String(base64));
        Assert.Equal((width, height, channels), (image.Width, image.Height, image.Channels));
        Assert.Equal(pixels, image.Pixels);
    }
}
