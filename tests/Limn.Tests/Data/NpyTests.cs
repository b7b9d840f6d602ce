using System.Numerics.Tensors;
using System.Text;
using Limn.Data;

namespace Limn.Tests.Data;

public class NpyTests
{
    // Written by NumPy 1.24.
    private const string FortranBigEndian = "k05VTVBZAQB2AHsnZGVzY3InOiAnPmY4JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAEAIAAAAAAAAP/AAAAAAAABAEAAAAAAAAEAAAAAAAAAAQBQAAAAAAAA=";
    private const string Version2Int16 = "k05VTVBZAgB0AAAAeydkZXNjcic6ICc8aTInLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMywpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAP7/LAE=";
    private const string Float16 = "k05VTVBZAQB2AHsnZGVzY3InOiAnPGYyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAOP/7AHw=";

    [Fact]
    public void A_column_major_big_endian_array_of_numpy_reads_row_major()
    {
        NpyArray array = Read(FortranBigEndian);
        Assert.Equal(NpyType.Float64, array.Type);
        Assert.Equal([2, 3], array.Shape);
        Assert.Equal([0, 1, 2, 3, 4, 5], array.Elements<double>());
        Assert.Equal([0, 1, 2, 3, 4, 5], Values(array.ToFloat()));
        Assert.Equal(4f, array.ToFloat()[1, 1]);
    }

    [Fact]
    public void Version_2_and_half_precision_of_numpy_are_read()
    {
        Assert.Equal([1, -2, 300], Values(Read(Version2Int16).ToInt64()));
        Assert.Equal([0.5f, -65504, float.PositiveInfinity], Values(Read(Float16).ToFloat()));
    }

    [Fact]
    public void Column_major_arrays_of_three_dimensions_are_transposed()
    {
        // values[i, j, k] = 100 i + 10 j + k, the first index fastest.
        byte[] values = new byte[24];
        for (int k = 0, at = 0; k < 4; k++)
        {
            for (int j = 0; j < 3; j++)
            {
                for (int i = 0; i < 2; i++) values[at++] = (byte)((100 * i) + (10 * j) + k);
            }
        }
        NpyArray array = Read(File("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4)}", values));
        Tensor<float> tensor = array.ToFloat();
        for (int i = 0; i < 2; i++) for (int j = 0; j < 3; j++) for (int k = 0; k < 4; k++) Assert.Equal((100 * i) + (10 * j) + k, tensor[i, j, k]);
    }

    [Fact]
    public void Every_type_survives_the_way_to_a_file_and_back()
    {
        using var folder = new TemporaryFolder();
        RoundTrip(folder, [true, false, true], NpyType.Boolean);
        RoundTrip<sbyte>(folder, [-128, 0, 127], NpyType.Int8);
        RoundTrip<short>(folder, [short.MinValue, 0, short.MaxValue], NpyType.Int16);
        RoundTrip<int>(folder, [int.MinValue, 0, int.MaxValue], NpyType.Int32);
        RoundTrip<long>(folder, [long.MinValue, 0, long.MaxValue], NpyType.Int64);
        RoundTrip<byte>(folder, [0, 1, 255], NpyType.UInt8);
        RoundTrip<ushort>(folder, [0, 1, 65535], NpyType.UInt16);
        RoundTrip<uint>(folder, [0, 1, uint.MaxValue], NpyType.UInt32);
        RoundTrip<ulong>(folder, [0, 1, ulong.MaxValue], NpyType.UInt64);
        RoundTrip(folder, [(Half)1.5, Half.NaN, Half.NegativeInfinity], NpyType.Float16);
        RoundTrip(folder, [1.5f, float.NaN, float.MaxValue], NpyType.Float32);
        RoundTrip(folder, [Math.PI, double.NaN, double.Epsilon], NpyType.Float64);
    }

    [Fact]
    public void The_other_byte_order_reads_the_same()
    {
        byte[] little = File("{'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", [1, 2, 3, 4, 5, 0, 0, 0]);
        byte[] big = File("{'descr': '>i4', 'fortran_order': False, 'shape': (2,)}", [4, 3, 2, 1, 0, 0, 0, 5]);
        Assert.Equal([0x04030201, 5], Read(little).Elements<int>());
        Assert.Equal(Read(little).Elements<int>(), Read(big).Elements<int>());
    }

    [Fact]
    public void A_scalar_and_empty_arrays_keep_their_shape()
    {
        NpyArray scalar = Read(File("{'descr': '|u1', 'fortran_order': True, 'shape': ()}", [7]));
        Assert.Equal(0, scalar.Shape.Length);
        Assert.Equal([7], Values(scalar.ToFloat()));
        NpyArray empty = Read(File("{'descr': '<f4', 'fortran_order': True, 'shape': (0, 3)}", []));
        Assert.Equal([0, 3], empty.Shape);
        Assert.Equal([0, 3], empty.ToFloat().Lengths.ToArray().Select(x => (int)x));
        Assert.Equal([0, 2147483647, 2147483647], Read(File("{'descr': '<f4', 'fortran_order': False, 'shape': (0,2147483647,2147483647)}", [])).Shape);
    }

    [Theory]
    [InlineData("{\"descr\": \"|u1\", 'shape': (1,), 'fortran_order': False}")]
    [InlineData("{ 'fortran_order':False ,'shape':( 1 , ) ,'descr':'|u1' , } \n")]
    [InlineData("{'descr': '<u1', 'fortran_order': False, 'shape': (1,1,1)}")]
    public void A_header_may_be_written_in_any_style(string header) => Assert.Equal(9, Read(File(header, [9])).Elements<byte>()[0]);

    [Theory]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)", "missing")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (1)}", "comma")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}", "whole number")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (1,,)}", "whole number")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (1 1)}", "comma")]
    [InlineData("{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}", "True or False")]
    [InlineData("{'descr': '|u1', 'fortran_order': False}", "missing")]
    [InlineData("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", "twice")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'x': 1}", "unknown")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} 1", "follows")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}\0", "follows")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "'|O'")]
    [InlineData("{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}", "'<U4'")]
    [InlineData("{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}", "'|f4'")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "structured")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,)}", "too large")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (2147483647, 2147483647, 2147483647)}", "more than")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (2000000000,)}", "truncated")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (0,)}", "followed")]
    [InlineData("__import__('os').system('true')", "'{'")]
    public void A_wrong_header_is_refused_with_a_reason(string header, string reason)
    {
        var error = Assert.Throws<Limn.InvalidDataException>(() => Read(File(header, [9])));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_cut_anywhere_or_with_a_changed_byte_reads_or_is_refused()
    {
        byte[] file = Convert.FromBase64String(FortranBigEndian);
        for (int length = 0; length < file.Length; length++) Assert.Throws<Limn.InvalidDataException>(() => Read(file[..length]));
        for (int at = 0; at < file.Length; at++)
        {
            foreach (byte b in (byte[])[0, (byte)'9', (byte)'(', 0xFF, (byte)(file[at] ^ 1)])
            {
                byte[] mutant = [.. file];
                mutant[at] = b;
                Assert.True(Record.Exception(() => Read(mutant)) is null or LimnException, $"byte {at} = {b}");
            }
        }
    }

    [Fact]
    public void Conversions_round_to_floats_and_are_exact_to_integers()
    {
        Assert.Equal([1, 0, 1], Values(Of([true, false, true]).ToInt64()));
        Assert.Equal([1f, 0, 1], Values(Of([true, false, true]).ToFloat()));
        Assert.Equal([false, true, true, true], Values(Of([0f, 0.5f, float.NaN, -1]).ToBoolean()));
        Assert.Equal([false, true], Values(Of([0UL, ulong.MaxValue]).ToBoolean()));
        Assert.Equal([16777216f], Values(Of([16777217]).ToFloat()));
        Assert.Equal([3L, -4], Values(Of([3.0, -4]).ToInt64()));
        Assert.Equal([(byte)255], Values(Of([255L]).To<byte>()));
        Assert.Throws<Limn.InvalidDataException>(() => Of([2.5f]).ToInt64());
        Assert.Throws<Limn.InvalidDataException>(() => Of([float.NaN]).ToInt64());
        Assert.Throws<Limn.InvalidDataException>(() => Of([9223372036854775808.0]).ToInt64());
        Assert.Throws<Limn.InvalidDataException>(() => Of([ulong.MaxValue]).ToInt64());
        Assert.Throws<Limn.InvalidDataException>(() => Of([-1]).To<byte>());
        Assert.Throws<Limn.InvalidDataException>(() => Of([256]).To<byte>());
        Assert.Throws<Limn.InvalidDataException>(() => Of([1e300]).ToFloat());
        Assert.Throws<Limn.InvalidDataException>(() => Of([1]).Elements<uint>().Length);
        Assert.Throws<InvalidOptionException>(() => Of([1]).To<decimal>());
        Assert.Equal([float.PositiveInfinity], Values(Of([double.PositiveInfinity]).ToFloat()));
    }

    [Fact]
    public void A_loaded_tensor_is_a_copy()
    {
        NpyArray array = Of([1f, 2]);
        array.ToFloat()[0] = 5;
        Assert.Equal(1f, array.Elements<float>()[0]);
    }

    [Fact]
    public void The_header_written_is_the_one_numpy_writes()
    {
        using var stream = new MemoryStream();
        NpyFile.Write(stream, Tensor.Create([1f, 2, 3, 4, 5, 6], [2, 3]));
        byte[] bytes = stream.ToArray();
        Assert.Equal(128 + 24, bytes.Length);
        Assert.Equal("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", Encoding.ASCII.GetString(bytes, 10, 118).TrimEnd());
        Assert.Equal((byte)'\n', bytes[127]);
        stream.SetLength(0);
        NpyFile.Write(stream, Tensor.Create([1L], [1]));
        Assert.Contains("'<i8', 'fortran_order': False, 'shape': (1,), }", Encoding.ASCII.GetString(stream.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_named()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("nothing.npy", Assert.Throws<Limn.InvalidDataException>(() => NpyFile.Read(folder["nothing.npy"])).Message, StringComparison.Ordinal);
        Assert.Throws<Limn.InvalidDataException>(() => NpyFile.Read(folder.Path));
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.txt", [1, 2, 3]);
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.WriteByte(9);
            throw new InvalidOperationException("no");
        }));
        Assert.Equal([1, 2, 3], System.IO.File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(folder.Path));
        AtomicFile.Write(path, stream => stream.WriteByte(4));
        Assert.Equal([4], System.IO.File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(folder.Path));
        Assert.Throws<LimnException>(() => AtomicFile.Write(folder["none/a.txt"], _ => { }));
    }

    private static NpyArray Of<T>(T[] values) where T : unmanaged
    {
        using var stream = new MemoryStream();
        NpyFile.Write(stream, Tensor.Create(values, [values.Length]));
        stream.Position = 0;
        return NpyFile.Read(stream, stream.Length);
    }

    private static void RoundTrip<T>(TemporaryFolder folder, T[] values, NpyType type) where T : unmanaged
    {
        string path = folder[$"{type}.npy"];
        NpyFile.Write(path, Tensor.Create(values, [1, values.Length]));
        NpyArray array = NpyFile.Read(path);
        Assert.Equal(type, array.Type);
        Assert.Equal([1, values.Length], array.Shape);
        Assert.Equal(values, array.Elements<T>().ToArray());
    }

    private static T[] Values<T>(Tensor<T> tensor)
    {
        T[] values = new T[tensor.FlattenedLength];
        tensor.FlattenTo(values);
        return values;
    }

    private static byte[] File(string header, byte[] values) =>
        [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.Latin1.GetBytes(header), .. values];

    private static NpyArray Read(string base64) => Read(Convert.FromBase64String(base64));

    private static NpyArray Read(byte[] file) => NpyFile.Read(new MemoryStream(file), file.Length);
}
