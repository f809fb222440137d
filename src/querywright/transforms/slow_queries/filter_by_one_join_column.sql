# title: sales whose items were returned in one month
# workload: tpcds
SELECT s_store_name, COUNT(*) AS returned, AVG(sr_returned_date_sk - ss_sold_date_sk) AS days
FROM store_sales, store_returns, store, date_dim
WHERE ss_ticket_number = sr_ticket_number AND ss_item_sk = sr_item_sk AND ss_customer_sk = sr_customer_sk AND ss_store_sk = s_store_sk
  AND sr_returned_date_sk = d_date_sk AND d_year = 2001 AND d_moy = 8
GROUP BY s_store_name;

# title: the value of what was sent back for one reason
# workload: tpcds
SELECT ss_customer_sk, SUM((ss_quantity - sr_return_quantity) * ss_sales_price) AS kept
FROM store_sales JOIN store_returns ON sr_item_sk = ss_item_sk AND sr_ticket_number = ss_ticket_number JOIN reason ON sr_reason_sk = r_reason_sk
WHERE r_reason_desc = 'reason 28' GROUP BY ss_customer_sk;

# title: line items of parts that one supplier delivers cheaply
# workload: tpch
SELECT l_orderkey, l_linenumber, l_extendedprice - ps_supplycost * l_quantity AS profit
FROM lineitem JOIN partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
WHERE ps_supplycost < 3 AND ps_availqty < 500;
