"""TPC-DS: 24 tables of a retailer with three sales channels and 99 queries (TPC Benchmark DS specification)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from querywright.sql.schema import Table
from querywright.workloads.protocol import Parameter, Parameters, Progress, declared_tables

ENGINES = ("duckdb",)
PARAMETERS = {"sf": Parameter("1", "scale factor; 1 is about 1 GB of raw data")}
QUERY_NAMES = tuple(str(number) for number in range(1, 100))
GENERATOR = 1

_PRIMARY_KEYS = {
    "call_center": ("cc_call_center_sk",),
    "catalog_page": ("cp_catalog_page_sk",),
    "catalog_returns": ("cr_item_sk", "cr_order_number"),
    "catalog_sales": ("cs_item_sk", "cs_order_number"),
    "customer": ("c_customer_sk",),
    "customer_address": ("ca_address_sk",),
    "customer_demographics": ("cd_demo_sk",),
    "date_dim": ("d_date_sk",),
    "household_demographics": ("hd_demo_sk",),
    "income_band": ("ib_income_band_sk",),
    "inventory": ("inv_date_sk", "inv_item_sk", "inv_warehouse_sk"),
    "item": ("i_item_sk",),
    "promotion": ("p_promo_sk",),
    "reason": ("r_reason_sk",),
    "ship_mode": ("sm_ship_mode_sk",),
    "store": ("s_store_sk",),
    "store_returns": ("sr_item_sk", "sr_ticket_number"),
    "store_sales": ("ss_item_sk", "ss_ticket_number"),
    "time_dim": ("t_time_sk",),
    "warehouse": ("w_warehouse_sk",),
    "web_page": ("wp_web_page_sk",),
    "web_returns": ("wr_item_sk", "wr_order_number"),
    "web_sales": ("ws_item_sk", "ws_order_number"),
    "web_site": ("web_site_sk",),
}

_NOT_NULL = {
    "call_center": ("cc_call_center_id",),
    "catalog_page": ("cp_catalog_page_id",),
    "customer": ("c_customer_id",),
    "customer_address": ("ca_address_id",),
    "date_dim": ("d_date_id",),
    "item": ("i_item_id",),
    "promotion": ("p_promo_id",),
    "reason": ("r_reason_id",),
    "ship_mode": ("sm_ship_mode_id",),
    "store": ("s_store_id",),
    "time_dim": ("t_time_id",),
    "warehouse": ("w_warehouse_id",),
    "web_page": ("wp_web_page_id",),
    "web_site": ("web_site_id",),
}

# The end of a foreign key's column name, after the table's prefix, and the table it refers to.
_TARGETS = {
    "date_sk": "date_dim",
    "time_sk": "time_dim",
    "item_sk": "item",
    "customer_sk": "customer",
    "cdemo_sk": "customer_demographics",
    "hdemo_sk": "household_demographics",
    "addr_sk": "customer_address",
    "store_sk": "store",
    "promo_sk": "promotion",
    "call_center_sk": "call_center",
    "catalog_page_sk": "catalog_page",
    "ship_mode_sk": "ship_mode",
    "warehouse_sk": "warehouse",
    "web_page_sk": "web_page",
    "web_site_sk": "web_site",
    "reason_sk": "reason",
    "income_band_sk": "income_band",
}

_REFERRING_COLUMNS = {
    "call_center": "cc_open_date_sk cc_closed_date_sk",
    "catalog_page": "cp_start_date_sk cp_end_date_sk",
    "catalog_returns": """
        cr_returned_date_sk cr_returned_time_sk cr_item_sk cr_refunded_customer_sk cr_refunded_cdemo_sk
        cr_refunded_hdemo_sk cr_refunded_addr_sk cr_returning_customer_sk cr_returning_cdemo_sk
        cr_returning_hdemo_sk cr_returning_addr_sk cr_call_center_sk cr_catalog_page_sk cr_ship_mode_sk
        cr_warehouse_sk cr_reason_sk""",
    "catalog_sales": """
        cs_sold_date_sk cs_sold_time_sk cs_ship_date_sk cs_bill_customer_sk cs_bill_cdemo_sk
        cs_bill_hdemo_sk cs_bill_addr_sk cs_ship_customer_sk cs_ship_cdemo_sk cs_ship_hdemo_sk
        cs_ship_addr_sk cs_call_center_sk cs_catalog_page_sk cs_ship_mode_sk cs_warehouse_sk cs_item_sk
        cs_promo_sk""",
    "customer": """
        c_current_cdemo_sk c_current_hdemo_sk c_current_addr_sk c_first_shipto_date_sk
        c_first_sales_date_sk c_last_review_date_sk""",
    "household_demographics": "hd_income_band_sk",
    "inventory": "inv_date_sk inv_item_sk inv_warehouse_sk",
    "promotion": "p_start_date_sk p_end_date_sk p_item_sk",
    "store": "s_closed_date_sk",
    "store_returns": """
        sr_returned_date_sk sr_return_time_sk sr_item_sk sr_customer_sk sr_cdemo_sk sr_hdemo_sk sr_addr_sk
        sr_store_sk sr_reason_sk""",
    "store_sales": """
        ss_sold_date_sk ss_sold_time_sk ss_item_sk ss_customer_sk ss_cdemo_sk ss_hdemo_sk ss_addr_sk
        ss_store_sk ss_promo_sk""",
    "web_page": "wp_creation_date_sk wp_access_date_sk wp_customer_sk",
    "web_returns": """
        wr_returned_date_sk wr_returned_time_sk wr_item_sk wr_refunded_customer_sk wr_refunded_cdemo_sk
        wr_refunded_hdemo_sk wr_refunded_addr_sk wr_returning_customer_sk wr_returning_cdemo_sk
        wr_returning_hdemo_sk wr_returning_addr_sk wr_web_page_sk wr_reason_sk""",
    "web_sales": """
        ws_sold_date_sk ws_sold_time_sk ws_ship_date_sk ws_item_sk ws_bill_customer_sk ws_bill_cdemo_sk
        ws_bill_hdemo_sk ws_bill_addr_sk ws_ship_customer_sk ws_ship_cdemo_sk ws_ship_hdemo_sk
        ws_ship_addr_sk ws_web_page_sk ws_web_site_sk ws_ship_mode_sk ws_warehouse_sk ws_promo_sk""",
    "web_site": "web_open_date_sk web_close_date_sk",
}

_RETURNED_SALES = {
    "catalog_returns": (("cr_item_sk", "cr_order_number"), "catalog_sales"),
    "store_returns": (("sr_item_sk", "sr_ticket_number"), "store_sales"),
    "web_returns": (("wr_item_sk", "wr_order_number"), "web_sales"),
}


def tables(parameters: Parameters) -> tuple[Table, ...]:
    """The primary keys, foreign keys and NOT NULLs of the specification."""
    references: dict[str, dict[tuple[str, ...], str]] = {
        table: {(column,): _target(column) for column in columns.split()} for table, columns in _REFERRING_COLUMNS.items()
    }
    for table, (columns, sales) in _RETURNED_SALES.items():
        references[table][columns] = sales
    return declared_tables(_PRIMARY_KEYS, references, _NOT_NULL)


def _target(column: str) -> str:
    ending = max((ending for ending in _TARGETS if column.endswith(f"_{ending}")), key=len)
    return _TARGETS[ending]


def queries(engine: str) -> Mapping[str, str]:
    """The 99 queries, named "1" to "99"."""
    from querywright.workloads._duckdb_generator import query_texts

    return {str(number): text for number, text in query_texts("tpcds").items()}


def build(path: Path, engine: str, parameters: Parameters, progress: Progress) -> None:
    """Generate the tables with DuckDB's extension."""
    from querywright.workloads._duckdb_generator import generate

    generate(path, "tpcds", "dsdgen", parameters["sf"], tables(parameters), progress)
